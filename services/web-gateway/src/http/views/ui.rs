//! Small marks that templates call as `ui::…(…)`.

use askama::Template;
use askama::filters::HtmlSafe;

use super::assets;

/// An icon of the sprite, hidden from screen readers: a word or label always stands beside it.
#[derive(Debug, Template)]
#[template(
    source = r##"<svg class="icon" aria-hidden="true"><use href="{{ sprite }}#{{ name }}"/></svg>"##,
    ext = "html"
)]
pub struct Icon {
    sprite: String,
    name: &'static str,
}

impl HtmlSafe for Icon {}

/// An icon by its Lucide name; the name must be in `assets/src/icons.txt`.
pub fn icon(name: &'static str) -> Icon {
    Icon { sprite: assets::url("icons.svg"), name }
}
