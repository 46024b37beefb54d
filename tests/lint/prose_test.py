#!/usr/bin/env python3
"""Tests of the wording check: python3 tests/lint/prose_test.py"""
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "prose")
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("prose", SCRIPT)
prose = importlib.util.module_from_spec(importlib.util.spec_from_loader("prose", loader))
loader.exec_module(prose)


def places(path, source, allowed=""):
    found = prose.Lint(prose.Allowed(allowed))
    found.file(path, source)
    return [(place.rule, place.line) for place in found.places]


class Headless(unittest.TestCase):
    def check(self, source, *lines):
        found = [line for rule, line in places("a.rs", source) if rule == "headless"]
        self.assertEqual(found, list(lines), source)

    def test_openings(self):
        for word in "What Where How Whether That Which Who Whose".split():
            self.check(f"/// {word} is stored.\nfn f() {{}}\n", 1)
        self.check("//! What the module does.\n", 1)
        self.check("/// From this share on something stays.\n", 1)

    def test_plain_openings(self):
        self.check("/// Returns what is stored.\n/// Whether\n/// it holds is not known.\n", 2)
        self.check("/// Returns the picture.\n///\n/// From left to right.\n")
        self.check("/// That is why it waits.\n")
        self.check("/// Whatsoever\n")

    def test_paragraphs_items_and_sentences(self):
        self.check("/// Returns it.\n///\n/// What is left stays.\n", 3)
        self.check("/// Returns:\n/// - what it is\n/// - What it was\n", 3)
        self.check("/// Returns it. What is left stays.\n", 1)
        self.check("/// Returns it. Where both are set, the first wins. That is by design.\n")
        self.check("/// Returns it. What is left?\n")

    def test_only_docs_count(self):
        self.check("// What is stored.\n//// What is drawn.\nlet a = \"/// What\";\n")
        self.check("/// ```\n/// What\n/// ```\n")

    def test_doc_lines_are_counted(self):
        found = prose.Lint(prose.Allowed(""))
        found.file("a.rs", "//! One.\n\n/// Two,\n/// three.\n///\n/// Four.\nfn f() {} // none\n")
        self.assertEqual(found.doc_lines, 4)


class Words(unittest.TestCase):
    def check(self, path, source, *lines):
        self.assertEqual([line for rule, line in places(path, source) if rule == "word"], list(lines), source)

    def test_phrases(self):
        for text in ["which is none", "it is no key", "tells of a name", "clean for sure", "comes again",
                     "what becomes of it", "sees it to its end", "the way of a record", "stands for it",
                     "whoever asks", "cells that hang together", "the answer", "it answers 503"]:
            self.check("a.rs", f"// {text}\n", 1)
            self.check("a.rs", f'const A: &str = "{text}";\n', 1)
            self.check("a.md", f"{text}\n", 1)
            self.check("a.py", f"# {text}\n", 1)
            self.check("a.sh", f"ls  # {text}\n", 1)

    def test_phrases_over_two_lines(self):
        self.check("a.rs", "/// It tells\n/// of a name.\n", 2)
        self.check("a.md", "cells that hang\ntogether\n", 2)
        self.check("a.rs", "/// It tells\n\n/// of a name.\n")

    def test_plain_english(self):
        for text in ["there is no key", "it is no longer there", "is `None`", "is None", "the response", "`answer`"]:
            self.check("a.rs", f"// {text}\n")

    def test_code_is_left_alone(self):
        self.check("a.rs", "let answer = whoever(answers);\n")
        self.check("a.md", "```\nthe answer\n```\n`an answer`\n")
        self.check("a.py", "answer = 'answer'\n")
        self.check("a.py", '"""The answer."""\n', 1)

    def test_rust_strings_and_comments_are_told_apart(self):
        self.check("a.rs", 'let a = "http://x"; let b = \'"\'; // the answer\n', 1)
        self.check("a.rs", 'let a = r#"one "two"\nthe answer"#;\nlet answer = 1;\n', 2)
        self.check("a.rs", "fn f<'a>(b: &'a str) {} /* the\nanswer */ fn answer() {}\n", 2)

    def test_captures_of_format_strings_are_code(self):
        self.check("a.rs", 'panic!("{answer:?} and {answer}");\n')
        self.check("a.rs", 'panic!("{answer} is no answer");\n', 1, 1)

    def test_allowed(self):
        self.assertEqual(places("a.rs", "// the answer\n", "word *.rs the answer # why\n"), [])
        self.assertEqual(places("a.md", "the answer\n", "word *.rs the answer\n"), [("word", 1)])
        self.assertEqual(places("a.rs", "// the answer, an answer\n", "word * the answer\n"), [("word", 1)])


class British(unittest.TestCase):
    def check(self, path, source, *lines):
        self.assertEqual([line for rule, line in places(path, source) if rule == "british"], list(lines), source)

    def test_spellings(self):
        for word in ["colour", "Grey", "behaviour", "licences", "labelled", "centre", "serialised", "anonymise", "initialisation"]:
            self.check("a.rs", f"// {word}\n", 1)
        self.check("a.rs", "fn to_grey(colour_of: u8) {}\n", 1, 1)

    def test_american(self):
        self.check("a.rs", "// otherwise, promise, optimistic, analyses, color, gray, labeled, organism, fulfilled, metrics\n")


class Long(unittest.TestCase):
    def check(self, path, source, *lines):
        self.assertEqual([line for rule, line in places(path, source) if rule == "long"], list(lines), source)

    def test_comments(self):
        self.check("a.rs", "// " + "x" * 97 + "\n")
        self.check("a.rs", "// " + "x" * 98 + "\n", 1)
        self.check("a.rs", "    /// " + "x" * 98 + "\n", 1)
        self.check("a.rs", 'let a = "' + "x" * 120 + '";\n')
        self.check("a.py", "# " + "x" * 99 + "\n", 1)
        self.check("a.toml", "a = '" + "x" * 120 + "'\n# " + "x" * 99 + "\n", 2)

    def test_markdown_may_have_one_sentence_a_line(self):
        self.check("a.md", "One " + "x" * 120 + ".\n")
        self.check("a.md", "One " + "x" * 120 + ". Two.\n", 1)
        self.check("a.md", "| One " + "x" * 120 + ". Two. |\n")


class Wrap(unittest.TestCase):
    def check(self, path, source, expected):
        self.assertEqual(prose.wrap(path, source), expected)

    def test_rust(self):
        long = "/// " + "word " * 22 + "end.\n"
        self.check("a.rs", long, "/// " + ("word " * 19).strip() + "\n/// word word word end.\n")
        self.check("a.rs", "    // - " + "word " * 20 + "\n    // - two\n",
                   "    // - " + ("word " * 18).strip() + "\n    //   word word\n    // - two\n")
        self.check("a.rs", "/// short\n/// lines\n" + "let a = 1; // " + "x " * 60 + "\n",
                   "/// short\n/// lines\nlet a = 1; // " + "x " * 60 + "\n")

    def test_new_lines_open_no_lists(self):
        text = "word " * 18 + "xxxx - word"
        wrapped = prose.wrap("a.rs", f"/// {text} {text}\n")
        self.assertNotIn("/// - ", wrapped)
        self.assertEqual(wrapped.replace("\n/// ", " "), f"/// {text} {text}\n")

    def test_indented_lines_stay(self):
        long = "word " * 25 + "word"
        wrapped = prose.wrap("a.sh", f"# {long}:\n#   run  this\n# {long}\n")
        self.assertIn("word:\n#   run  this\n# word", wrapped)
        self.check("a.rs", f"/// - {long[:84]}\n///   {long[:84]}\n", f"/// - {long[:84]}\n///   {long[:84]}\n")

    def test_fences_tables_and_strings(self):
        for source in ["/// ```\n/// " + "word " * 30 + "\n/// ```\n", "/// | " + "word " * 30 + "|\n",
                       'let a = r"\n// ' + "word " * 30 + '\n";\n']:
            self.check("a.rs", source, "\n".join(line.rstrip() if line.startswith("///") else line for line in source.split("\n")))


class Script(unittest.TestCase):
    def test_strict_fails_over_a_threshold_and_names_the_place(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["git", "init", "-q", folder], check=True)

            def run(source):
                with open(os.path.join(folder, "a.rs"), "w", encoding="utf-8") as file:
                    file.write(source)
                subprocess.run(["git", "-C", folder, "add", "."], check=True)
                return subprocess.run([SCRIPT, "--strict", "--list"], cwd=folder, capture_output=True, text=True)

            good = "/// Returns it.\n" * 150
            self.assertEqual(run(good).returncode, 0)
            self.assertEqual(run(good + "///\n/// What it is.\n").returncode, 0, "one in 151 is under 1 %")
            bad = run("/// Returns it.\n\n/// What it is.\n")
            self.assertEqual(bad.returncode, 1)
            self.assertIn("a.rs:3: headless: What it is.", bad.stdout)
            self.assertEqual(run(good + "// " + "x" * 98 + "\n").returncode, 1)
            self.assertEqual(run(good + "// an answer\n").returncode, 1)
            self.assertEqual(run(good + "// a colour\n").returncode, 1)


if __name__ == "__main__":
    unittest.main()
