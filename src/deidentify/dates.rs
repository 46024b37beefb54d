//! Search for a date, a part of a birth date, or an age in a text.

use jiff::civil::Date;

use super::fold::{runs, words};

/// Beginnings of the names of months in English, German, French and Spanish.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "ene"],
    &["feb", "fév", "fev"],
    &["mar", "mär", "mrz"],
    &["apr", "avr", "abr"],
    &["may", "mai"],
    &["jun", "juin"],
    &["jul", "juil"],
    &["aug", "aou", "aoû", "ago"],
    &["sep"],
    &["oct", "okt"],
    &["nov"],
    &["dec", "dez", "déc", "dic"],
];

/// Words that stand beside an age or a year of birth.
const AGE_WORDS: [&str; 41] = [
    "a", "age", "aged", "alter", "an", "ans", "ano", "anos", "b", "birth", "born", "d", "dob",
    "edad", "f", "female", "geb", "j", "jahr", "jahre", "jg", "m", "male", "mo", "mon", "monate",
    "month", "months", "nac", "ne", "nee", "o", "old", "s", "w", "y", "year", "years", "yo", "yr",
    "yrs",
];

/// Reports whether `text` contains the date or an identifying part of it: its year, or all three
/// numbers in a usual order.
pub fn contains_date(date: Date, text: &str) -> bool {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let packed = ["%Y%m%d", "%d%m%Y", "%m%d%Y", "%y%m%d", "%d%m%y", "%m%d%y"]
        .iter()
        .any(|form| digits.contains(&date.strftime(form).to_string()));
    // The year alone is a part of the date, and with it go all forms with the year in full.
    let year = date.strftime("%Y").to_string();
    let [y, m, d] = short_numbers(date);
    let short = numbers(text).windows(3).any(|w| {
        [[y, m, d], [d, m, y], [m, d, y]]
            .iter()
            .any(|form| w == form)
    });
    packed || short || digits.contains(&year)
}

/// Reports whether `text` contains two numbers of the birth date beside each other, the name of its
/// month, or its year in two digits where nothing else is.
pub fn contains_part_of_birth(birth: Date, text: &str) -> bool {
    let [y, m, d] = short_numbers(birth);
    let pairs = [[y, m], [m, y], [d, m], [m, d]];
    let pair = numbers(text)
        .windows(2)
        .any(|w| pairs.iter().any(|pair| w == pair));
    let packed = ["%y%m", "%m%y", "%d%m", "%m%d"].map(|form| birth.strftime(form).to_string());
    let stems = MONTHS[usize::from(birth.month().unsigned_abs()) - 1];
    let named = runs(text, |c| c.is_alphabetic())
        .any(|word| stems.iter().any(|stem| word.starts_with(stem)));
    pair || named
        || runs(text, char::is_ascii_digit).any(|number| packed.contains(&number))
        || stands_for(y, 2, text)
}

/// Reports whether `text` is the patient's age at the exam in years, in months, or as a decade,
/// alone or beside words that tell an age.
pub fn contains_age(birth: Date, exam: Date, text: &str) -> bool {
    let months = (i32::from(exam.year()) - i32::from(birth.year())) * 12 + i32::from(exam.month())
        - i32::from(birth.month())
        - i32::from(exam.day() < birth.day());
    let years = months.div_euclid(12);
    [years, months, years / 10 * 10]
        .iter()
        .any(|&age| age > 0 && stands_for(age, 1, text))
}

/// Reports whether `text` is the year of the date and nothing else: the name of a month beside it
/// has many spellings.
pub fn is_year_alone(date: Date, text: &str) -> bool {
    words(text).concat() == date.strftime("%Y").to_string()
}

/// Reports whether `text` contains the number, of at least `digits` digits, and no words but those
/// that stand beside an age.
fn stands_for(number: i32, digits: usize, text: &str) -> bool {
    let same = |n: String| n.len() >= digits && n.parse() == Ok(number);
    runs(text, char::is_ascii_digit).any(same)
        && runs(text, |c| c.is_alphabetic()).all(|word| AGE_WORDS.contains(&word.as_str()))
}

/// Returns year without century, month and day.
fn short_numbers(date: Date) -> [i32; 3] {
    [
        i32::from(date.year()) % 100,
        i32::from(date.month()),
        i32::from(date.day()),
    ]
}

fn numbers(text: &str) -> Vec<i32> {
    runs(text, char::is_ascii_digit)
        .filter_map(|run| run.parse().ok())
        .collect()
}
