//! What a form needs besides its values: what was wrong with them.

/// One thing that is wrong, bound to a field by its HTML id.
#[derive(Debug, Clone)]
pub struct FieldError {
    /// Id of the field, the same as its name; empty for the form as a whole.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}

/// All that is wrong with a form; empty when it is shown for the first time.
#[derive(Debug, Clone, Default)]
pub struct FormErrors(pub Vec<FieldError>);

impl FormErrors {
    /// The message of one field, or an empty string.
    pub fn of(&self, field: &str) -> &str {
        self.0.iter().find(|e| e.field == field).map_or("", |e| &e.message)
    }

    /// Attributes of a field: what describes it, and whether it is wrong.
    pub fn attributes(&self, field: &str) -> String {
        let invalid = if self.of(field).is_empty() { "" } else { r#" aria-invalid="true""# };
        format!(r#"aria-describedby="{field}-help {field}-error"{invalid}"#)
    }

    /// Nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One choice of a select field.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The value sent.
    pub value: String,
    /// The text shown.
    pub label: String,
    /// Chosen now.
    pub selected: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_field_is_marked_and_others_are_not() {
        let errors = FormErrors(vec![FieldError {
            field: "memory".to_owned(),
            message: "At least 128 MiB".to_owned(),
        }]);
        assert_eq!(errors.of("memory"), "At least 128 MiB");
        assert!(errors.attributes("memory").contains("aria-invalid"));
        assert!(!errors.attributes("name").contains("aria-invalid"));
    }
}
