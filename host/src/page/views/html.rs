//! HTML that can't be made of unescaped text: literals are taken as they are, values are escaped.

use std::fmt::{self, Display, Write};

/// A piece of HTML.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::page) struct Html(String);

/// A value that becomes part of HTML.
pub(super) trait Render {
    /// Appends the value, escaped unless it is HTML.
    fn render(&self, out: &mut String);
}

/// Escapes what is written to it.
struct Escape<'a>(&'a mut String);

impl Write for Escape<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}

impl Html {
    /// Appends a literal of the program.
    pub(super) fn literal(&mut self, text: &'static str) {
        self.0.push_str(text);
    }

    /// Appends a value.
    pub(super) fn value(&mut self, value: &impl Render) {
        value.render(&mut self.0);
    }

    /// Returns the text.
    pub(in crate::page) fn into_string(self) -> String {
        self.0
    }
}

impl Render for Html {
    fn render(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl Render for Option<Html> {
    fn render(&self, out: &mut String) {
        if let Some(html) = self {
            html.render(out);
        }
    }
}

/// Values that are escaped as they are displayed.
macro_rules! escaped {
    ($($kind:ty),*) => {
        $(impl Render for $kind {
            fn render(&self, out: &mut String) {
                display(self, out);
            }
        })*
    };
}

fn display(value: &(impl Display + ?Sized), out: &mut String) {
    // Writing to a string does not fail.
    _ = write!(Escape(out), "{value}");
}

escaped!(&str, String, u64, usize, jiff::Timestamp);

impl FromIterator<Html> for Html {
    fn from_iter<I: IntoIterator<Item = Html>>(parts: I) -> Self {
        let mut all = Self::default();
        for part in parts {
            all.0.push_str(&part.0);
        }
        all
    }
}

/// Joins literals and values in parentheses: `html!["<p>" (text) "</p>"]`.
macro_rules! html {
    (@part $out:ident $text:literal) => { $out.literal($text) };
    (@part $out:ident ($value:expr)) => { $out.value(&$value) };
    ($($part:tt)*) => {{
        #[allow(unused_mut, reason = "an empty piece")]
        let mut out = $crate::page::views::html::Html::default();
        $($crate::page::views::html::html!(@part out $part);)*
        out
    }};
}

pub(super) use html;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_html_is_not() {
        let text = "a<b> & \"c\" 'd'".to_owned();
        let inner = html!["<i>" (text) "</i>"];
        let all: Html = [inner.clone(), html![(7_u64)]].into_iter().collect();
        let page = html!["<p title=\"" (text) "\">" (all) (None::<Html>) "</p>"];
        assert_eq!(
            page.into_string(),
            "<p title=\"a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;\">\
             <i>a&lt;b&gt; &amp; &quot;c&quot; &#39;d&#39;</i>7</p>"
        );
        assert_eq!(inner.into_string().matches('<').count(), 2);
    }
}
