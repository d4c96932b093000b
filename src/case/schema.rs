//! The JSON Schema of suite files, generated from the types that they are read into, for completion in editors.
//!
//! It relies on schemars, and on draft 7, which is what the usual YAML language server reads. It never knows more than
//! the types: verbs and points of a dialect are `lint`'s to check.

use schemars::generate::SchemaSettings;

use super::model::Suite;

/// The JSON Schema of suite files.
pub fn suite() -> String {
    let schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Suite>();
    // A schema is JSON: writing it cannot fail.
    serde_json::to_string_pretty(&schema).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../docs/suite.schema.json");
        assert_eq!(committed.trim_end(), suite(), "run: stompliance schema > docs/suite.schema.json");
    }
}
