//! What a list can be asked about.

/// How a field's values are written and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Compared without regard to case; `*` stands for anything.
    Text,
    /// `user/NAME` or `group/NAME`, asked for whole or by the name; `none` asks for null.
    Persona,
    /// A text array, of which one must match.
    Texts,
    /// A whole number.
    Number,
    /// MiB in the database; written with M, G or T, plain numbers are MiB.
    Size,
    /// `yes` or `no`.
    Flag,
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The names it has in queries, the first of them in messages and sorts.
    pub names: &'static [&'static str],
    /// The SQL expression: a constant of the program, never of a request.
    pub sql: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// The expression that rows are ordered by, never null; none: not sortable. Text must be text
    /// with `collate "C"`, numbers and sizes bigint.
    pub order: Option<&'static str>,
}

/// What tells rows apart that sort alike.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The column.
    pub sql: &'static str,
    /// Its type, which a value read from a cursor is cast to.
    pub cast: &'static str,
}

/// The fields of a list.
#[derive(Debug)]
pub struct Table {
    /// Names the list inside cursors.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// The text expression that bare words are searched in.
    pub words: &'static str,
    /// The order when none is asked for: a field's name.
    pub default_sort: &'static str,
    /// Together unique.
    pub keys: &'static [Key],
}

impl Table {
    pub(crate) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|f| f.names.contains(&name))
    }

    pub(crate) fn names(&self, sortable: bool) -> String {
        let names: Vec<&str> = self
            .fields
            .iter()
            .filter(|f| !sortable || f.order.is_some())
            .map(|f| f.names[0])
            .collect();
        names.join(", ")
    }
}
