//! What no source may hold. The words are put together from pieces, so that this file does not hold them.

use crate::repository::{File, files, none, rust_files};

const MOST_LINES: usize = 450;

const UNFINISHED: [&str; 5] = [
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("#[", "ignore"),
    concat!("#[", "allow("),
    concat!("#![", "allow("),
];

const REGISTRY_HOSTS: [&str; 11] = [
    concat!("//crates", ".io"),
    concat!("index.crates", ".io"),
    concat!("static.crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("registry.np", "mjs.org"),
    concat!("registry.yarn", "pkg.com"),
    concat!("npm", "mirror.com"),
    concat!("proxy.go", "lang.org"),
    concat!("rs", "proxy.cn"),
    concat!("tuna.tsing", "hua.edu.cn"),
];

const MACHINE_PATHS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/Us", "ers/")];

#[test]
fn no_source_file_is_too_long() {
    none("a Rust file has at most 450 lines", &too_long(&rust_files()));
}

#[test]
fn nothing_is_left_unfinished_or_silenced() {
    none("no placeholders, no ignored tests, `expect` instead of `allow`", &unfinished(&rust_files()));
}

#[test]
fn no_file_names_a_registry_host_or_a_path_of_a_machine() {
    none("no package registry's host and no machine's path", &local(&files()));
}

#[test]
fn offending_files_are_found() {
    let file = |text: String| [File { path: "a.rs".to_owned(), text }];
    assert!(too_long(&file("\n".repeat(MOST_LINES))).is_empty());
    assert_eq!(too_long(&file("\n".repeat(MOST_LINES + 1))).len(), 1);
    for word in UNFINISHED {
        assert_eq!(unfinished(&file(format!("fn f() {{}}\n    {word}x)"))), [format!("a.rs:2: {word}")]);
    }
    for host in REGISTRY_HOSTS {
        assert!(!local(&file(format!("see https:{host}/x"))).is_empty(), "{host}");
    }
    for path in MACHINE_PATHS {
        assert_eq!(local(&file(format!("open(\"{path}x\")"))).len(), 1, "{path}");
        assert!(local(&file(format!("proto/segue{path}x"))).is_empty(), "{path} inside a longer path");
    }
}

fn too_long(files: &[File]) -> Vec<String> {
    let counted = files.iter().map(|file| (file, file.text.lines().count()));
    counted
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(file, lines)| format!("{}: {lines} lines", file.path))
        .collect()
}

fn unfinished(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files {
        for (number, line) in file.code() {
            let found = UNFINISHED.iter().filter(|word| line.contains(**word));
            wrong.extend(found.map(|word| format!("{}:{number}: {word}", file.path)));
        }
    }
    wrong
}

fn local(files: &[File]) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files {
        for (index, line) in file.text.lines().enumerate() {
            let hosts = REGISTRY_HOSTS.iter().filter(|host| line.contains(**host));
            let paths = MACHINE_PATHS.iter().filter(|path| has_absolute(line, path));
            wrong.extend(hosts.chain(paths).map(|found| format!("{}:{}: {found}", file.path, index + 1)));
        }
    }
    wrong
}

/// Whether the path stands there from its root, and not as a part of a longer one.
fn has_absolute(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '*' | ')' | '>'))
    })
}
