//! What a list can be asked about.

/// How a field's values are written and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Compared without regard to case; `*` stands for anything.
    Text,
    /// `user/NAME` or `group/NAME`, asked for whole or by the name; `none` asks for null.
    Persona,
    /// Text of which the database holds lower case only, collated "C": an index serves its beginnings.
    Lower,
    /// One of these words, as the database spells them; others are compared like [`Kind::Text`].
    Known(&'static [&'static str]),
    /// A text array, of which one must match.
    Texts,
    /// Likewise, with a text that holds all of them in lower case and has a trigram index.
    Found {
        /// That text's expression.
        by: &'static str,
    },
    /// A whole number.
    Number,
    /// MiB in the database; written with M, G or T, plain numbers are MiB.
    Size,
    /// `yes` or `no`.
    Flag,
    /// A moment that is past: an age (`<7d` is younger) or a date in UTC.
    Time {
        /// The cast to the type that rows are ordered by: `::timestamptz`, or `::bigint`.
        order: &'static str,
    },
    /// A moment to come: `<30d` ends within 30 days.
    Until,
}

impl Kind {
    /// Whether `<` and `>` mean something.
    #[must_use]
    pub fn ordered(self) -> bool {
        matches!(self, Self::Number | Self::Size | Self::Time { .. } | Self::Until)
    }

    /// In words, for whoever types.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Text | Self::Lower | Self::Known(_) => "text, * for anything",
            Self::Persona => "a name, or none",
            Self::Texts | Self::Found { .. } => "one of several, * for anything",
            Self::Number => "number",
            Self::Size => "size, for instance 4G",
            Self::Flag => "yes or no",
            Self::Time { .. } => "age, for instance 7d, or date",
            Self::Until => "time left, for instance 30d, or date",
        }
    }
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
    /// The field of this name, in lower case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'static Field> {
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
