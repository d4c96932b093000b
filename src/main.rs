use stompliance::case::library::Library;
fn main() {
    let l = Library::embedded();
    for d in &l.found { println!("{}\n", d.render(false)); }
    println!("{} cases {} rules {} reqs, {} findings", l.scripts.len(), l.rules.len(), l.catalogue.len(), l.found.len());
}
