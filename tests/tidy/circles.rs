//! Modules of a crate that use each other, directly or around a circle, can only be read and changed together. What both need
//! belongs into a module below them, or into the one above.

use std::collections::{BTreeMap, BTreeSet};

use crate::repository::{File, none, rust_files};

/// Packages whose circles are accepted, each with the reason.
const EXEMPT: [(&str, &str); 1] =
    [("services/priority-router/tests/", "what the model is asked next depends on what it has decided")];

/// A module's path in its crate; empty for the crate's root.
type Path = Vec<String>;

/// Which of the modules beside it a module uses, with the files that do.
type Uses = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

#[test]
fn modules_do_not_use_each_other_in_a_circle() {
    let kept: Vec<File> = rust_files()
        .into_iter()
        .filter(|file| !EXEMPT.iter().any(|(package, _)| file.path.starts_with(package)))
        .collect();
    none("modules use each other in one direction only", &circles(&kept));
}

#[test]
fn circles_are_found() {
    let found = |files: &[(&str, &str)]| {
        let files = files
            .iter()
            .map(|(path, text)| File { path: format!("crates/a/src/{path}"), text: (*text).to_owned() });
        circles(&files.collect::<Vec<_>>())
    };
    let root = ("lib.rs", "mod b;\nmod c;");
    let direct =
        found(&[root, ("b.rs", "use crate::c::C;"), ("c/mod.rs", ""), ("c/d.rs", "use crate::b::B;")]);
    assert_eq!(direct, ["crates/a/src: b, c (in b.rs, c/d.rs)"]);
    let tree = ("b.rs", "use super::{\n    e,\n    c::{self, C},\n};");
    assert_eq!(found(&[root, tree, ("c.rs", "fn f() { super::b::g() }")]).len(), 1, "in an expression");
    let exporting = ("lib.rs", "mod b;\nmod c;\npub use b::{B as Other, A};");
    assert_eq!(found(&[exporting, ("b.rs", "use crate::c::C;"), ("c.rs", "use crate::Other;")]).len(), 1);
    let around = found(&[
        root,
        ("b.rs", "use super::c;"),
        ("c.rs", "use super::d;"),
        ("d.rs", "use super::b;"),
        ("e.rs", "use super::b;"),
    ]);
    assert_eq!(around, ["crates/a/src: b, c, d (in b.rs, c.rs, d.rs)"]);
    let below = found(&[root, ("c/mod.rs", "mod d;\nuse d::D;"), ("c/d.rs", "use super::C;")]);
    assert!(below.is_empty(), "a module and the one above may use each other: {below:?}");
    let other_names = found(&[root, ("b.rs", "// use crate::c\nuse x::crate_c;"), ("c.rs", "use super::b;")]);
    assert!(other_names.is_empty(), "{other_names:?}");
    let tested = "use std::fmt;\n#[cfg(test)]\nmod tests {\n    use crate::c::C;\n}\n";
    assert!(
        found(&[root, ("b.rs", tested), ("c.rs", "use super::b;")]).is_empty(),
        "tests use what they need"
    );
}

fn circles(files: &[File]) -> Vec<String> {
    let roots: BTreeSet<&str> = files.iter().filter_map(|file| root_of(&file.path)).collect();
    roots.into_iter().flat_map(|root| Crate::read(root, files).circles()).collect()
}

/// The folder of a crate, by its first file.
fn root_of(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    ["lib.rs", "main.rs"].contains(&name).then_some(folder)
}

struct Crate<'a> {
    root: &'a str,
    /// The file of each module, and its code.
    modules: BTreeMap<Path, (&'a str, String)>,
    /// Names in modules that are of other modules: where those are.
    imported: BTreeMap<Path, Path>,
}

impl<'a> Crate<'a> {
    fn read(root: &'a str, files: &'a [File]) -> Self {
        let mut modules = BTreeMap::new();
        for file in files {
            let inside = file.path.strip_prefix(root).and_then(|path| path.strip_prefix('/'));
            let Some(inside) = inside else { continue };
            let mut path: Path = inside.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
            path.pop_if(|name| ["lib", "main", "mod"].contains(&name.as_str()));
            modules.insert(path, (inside, code_of(file)));
        }
        let mut this = Self { root, modules, imported: BTreeMap::new() };
        let imported = this.modules.iter().flat_map(|(module, (_, code))| imported(module, code));
        this.imported = imported.collect();
        this
    }

    fn circles(&self) -> Vec<String> {
        let mut by_parent: BTreeMap<Path, Uses> = BTreeMap::new();
        for (module, (file, code)) in &self.modules {
            for target in paths_in(code).iter().filter_map(|path| absolute(module, path)) {
                let used = self.module_of(target);
                let shared = module.iter().zip(&used).take_while(|(one, other)| one == other).count();
                let (Some(user), Some(used)) = (module.get(shared), used.get(shared)) else { continue };
                let uses = by_parent.entry(module[..shared].to_vec()).or_default();
                let files = uses.entry(user.clone()).or_default().entry(used.clone()).or_default();
                files.insert((*file).to_owned());
            }
        }
        by_parent.iter().flat_map(|(parent, uses)| self.circles_among(parent, uses)).collect()
    }

    /// The module that a path leads to, also through names that other modules import.
    fn module_of(&self, mut path: Path) -> Path {
        let leads_to = |path: &Path| {
            (1..=path.len()).rev().find_map(|end| {
                let target = self.imported.get(&path[..end])?;
                (*target != path[..end]).then(|| [target, &path[end..]].concat())
            })
        };
        // Names are imported from module to module a few times at most.
        for _ in 0..8 {
            match leads_to(&path) {
                Some(target) => path = target,
                None => break,
            }
        }
        while !self.modules.contains_key(&path) && path.pop().is_some() {}
        path
    }

    fn circles_among(&self, parent: &Path, uses: &Uses) -> Vec<String> {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            uses.keys().map(|user| (user, reached_from(user, uses))).collect();
        let mutual = |one: &String, other: &String| {
            reached[one].contains(other) && reached.get(other).is_some_and(|back| back.contains(one))
        };
        let circles: BTreeSet<BTreeSet<&String>> = uses
            .keys()
            .map(|one| uses.keys().filter(|other| mutual(one, other)).collect::<BTreeSet<_>>())
            .filter(|circle| !circle.is_empty())
            .collect();
        let told = circles.into_iter().map(|circle| {
            let used = circle.iter().flat_map(|user| &uses[*user]).filter(|(used, _)| circle.contains(used));
            let files: BTreeSet<&str> = used.flat_map(|(_, files)| files).map(String::as_str).collect();
            let names: Vec<&str> = circle.iter().map(|name| name.as_str()).collect();
            let folder = [std::slice::from_ref(&self.root.to_owned()), parent].concat().join("/");
            let files: Vec<&str> = files.into_iter().collect();
            format!("{folder}: {} (in {})", names.join(", "), files.join(", "))
        });
        told.collect()
    }
}

fn reached_from<'a>(user: &'a String, uses: &'a Uses) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut left = vec![user];
    while let Some(next) = left.pop() {
        let new = uses.get(next).into_iter().flat_map(BTreeMap::keys).filter(|used| reached.insert(*used));
        left.extend(new.collect::<Vec<_>>());
    }
    reached
}

/// A file's code without comments and without the tests at its end, which may use what they need.
fn code_of(file: &File) -> String {
    let lines: Vec<&str> = file.code().map(|(_, line)| line).collect();
    let is_tests =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{');
    let end = lines.windows(2).position(is_tests).unwrap_or(lines.len());
    lines[..end].join("\n")
}

/// The paths that begin with `crate::` or `super::`, in `use` lines and elsewhere.
fn paths_in(code: &str) -> Vec<Path> {
    let starts = ["crate::", "super::"].into_iter().flat_map(|first| code.match_indices(first));
    let paths =
        starts.filter(|(at, _)| !code[..*at].ends_with(|c: char| c.is_alphanumeric() || "_:$".contains(c)));
    paths.flat_map(|(at, _)| expand(&code[at..])).collect()
}

/// The names that `use` lines bring into a module, with where they are: whoever names them through this module uses that one.
fn imported(module: &Path, code: &str) -> Vec<(Path, Path)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let before = code[..at].rsplit('\n').next().unwrap_or_default().trim();
        if !before.is_empty() && !before.starts_with("pub") {
            continue;
        }
        for mut path in expand(&code[at + 4..]) {
            let Some(last) = path.pop() else { continue };
            let (name, alias) = last.split_once(" as ").unwrap_or((&last, &last));
            path.push(name.to_owned());
            let target = absolute(module, &path).unwrap_or_else(|| [module.as_slice(), &path].concat());
            found.push(([module.as_slice(), &[alias.to_owned()]].concat(), target));
        }
    }
    found
}

/// A path from the crate's root; none for one that begins elsewhere.
fn absolute(module: &Path, path: &[String]) -> Option<Path> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some(rest.to_vec()),
        "self" => Some([module.as_slice(), rest].concat()),
        "super" => {
            let mut base = module.clone();
            base.pop()?;
            let ups = rest.iter().take_while(|name| *name == "super").count();
            base.truncate(base.len().checked_sub(ups)?);
            Some([base.as_slice(), &rest[ups..]].concat())
        }
        _ => None,
    }
}

/// The paths of a tree of a `use`, or the one path of an expression: `a::{b, c::D}` is `a::b` and `a::c::D`.
fn expand(text: &str) -> Vec<Path> {
    let mut paths = Vec::new();
    let (mut path, mut name) = (Path::new(), String::new());
    // What stands before each open brace.
    let mut before: Vec<Path> = vec![];
    for c in text.chars() {
        match c {
            '_' => name.push(c),
            c if c.is_alphanumeric() => name.push(c),
            ':' if !name.is_empty() => path.push(std::mem::take(&mut name)),
            ':' => {}
            '{' if name.is_empty() => before.push(path.clone()),
            ',' | '}' if !before.is_empty() => {
                finish(&mut paths, &path, &mut name);
                path = before.last().cloned().unwrap_or_default();
                if c == '}' {
                    before.pop();
                }
            }
            c if c.is_whitespace() && !before.is_empty() => {
                // The blanks of `C as D` are a part of it.
                name.extend((!name.is_empty()).then_some(' '));
            }
            _ => break,
        }
    }
    if before.is_empty() && (path.len() > 1 || !name.is_empty()) {
        finish(&mut paths, &path, &mut name);
    }
    paths
}

fn finish(paths: &mut Vec<Path>, path: &[String], name: &mut String) {
    let name = std::mem::take(name);
    let name = name.trim();
    let ends_with = if name.is_empty() { vec![] } else { vec![name.to_owned()] };
    if !name.is_empty() || path.len() > 1 {
        paths.push([path, &ends_with].concat());
    }
}
