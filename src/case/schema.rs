//! placeholder
/// The JSON Schema of suite files.
pub fn suite() -> String {
    String::new()
}
