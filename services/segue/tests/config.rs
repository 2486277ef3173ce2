//! `segue config`, as a program, against a selector.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

mod support;

use std::path::Path;

use support::Selector;

const FILE: &str = r#"
features:
  - name: video
    kind: FEATURE_KIND_PRESENT
  - name: file_upload.max_mb
    kind: FEATURE_KIND_NUMBER
    unit: MB
platforms:
  - id: app
    displayName: 保险管家 App
    features: [{name: video}, {name: file_upload.max_mb, number: 50}]
    acceptedFaces: [FACE_DIGITS, FACE_QR]
    costUnits: 33
    serviceHours:
      timeZone: Asia/Shanghai
      windows: [{days: [WEEKDAY_MONDAY], start: "09:00", end: "18:00"}]
      specialDays: [{date: "2026-10-01", name: 国庆节}]
  - id: web
workProfiles:
  - id: claims
    requirements: [{feature: file_upload.max_mb, operator: OPERATOR_GTE, values: ["10"]}]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_compared_applied_and_exported() {
    let selector = Selector::start().await;
    let first = selector.file("first.yaml", FILE);
    let said = selector.segue(&["config", "diff", &first]).await;
    assert!(said.well, "{said:?}");
    for line in ["+ feature video", "+ platform app", "+ work profile claims", "5 to add, 0 to change"] {
        assert!(said.out.contains(line), "{line} in {said:?}");
    }
    // Nobody can agree without a terminal.
    let said = selector.segue(&["config", "apply", &first]).await;
    assert!(!said.well && said.err.contains("add --yes"), "{said:?}");
    let said = selector.segue(&["config", "apply", &first, "--yes"]).await;
    assert!(said.well && said.out.contains("5 applied."), "{said:?}");
    let said = selector.segue(&["config", "diff", &first]).await;
    assert_eq!(said.out, "Nothing to change.\n");

    // Either form goes out and comes back the same.
    for name in ["out.yaml", "out.json"] {
        let path = selector.folder.path().join(name).display().to_string();
        assert!(selector.segue(&["config", "export", &path]).await.well);
        let text = std::fs::read_to_string(Path::new(&path)).unwrap();
        assert!(text.contains("国庆节") && !text.contains("etag"), "{text}");
        let said = selector.segue(&["config", "diff", "--prune", &path]).await;
        assert_eq!(said.out, "Nothing to change.\n", "{name}");
    }

    let changed = FILE.replace("costUnits: 33", "costUnits: 40").replace("  - id: web\n", "");
    let changed = selector.file("changed.yaml", &changed);
    let said = selector.segue(&["config", "diff", &changed]).await;
    let expected = "~ platform app\n    costUnits: 33 -> 40\n0 to add, 1 to change, 0 to remove. 1 that the file does not have stay; --prune removes them.\n";
    assert_eq!(said.out, expected);
    let said = selector.segue(&["config", "apply", "--prune", "--yes", &changed]).await;
    assert!(said.out.contains("- platform web") && said.out.contains("2 applied."), "{said:?}");
    selector.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_says_where() {
    let selector = Selector::start().await;
    for (name, from, to, expected) in [
        ("a.yaml", "costUnits", "costunits", "platforms[0] app"),
        ("b.yaml", "FACE_QR", "FACE_SMELL", "platforms[0] app"),
        ("c.yaml", "id: web", "id: app", "app is there twice"),
        ("d.yaml", "workProfiles", "workprofiles", "workprofiles: is none of"),
        ("e.txt", "", "", "must end in .yaml"),
    ] {
        let file = selector.file(name, FILE.replace(from, to));
        let said = selector.segue(&["config", "diff", &file]).await;
        assert!(!said.well && said.err.contains(expected), "{expected} in {said:?}");
    }
    // What only the selector can know is told with the entry and the field.
    let file =
        selector.file("f.yaml", FILE.replace("feature: file_upload.max_mb", "feature: file_upload.mb"));
    let said = selector.segue(&["config", "apply", "--yes", &file]).await;
    assert!(!said.well && said.err.contains("+ work profile claims"), "{said:?}");
    assert!(said.err.contains("did you mean file_upload.max_mb?"), "{said:?}");
    selector.end().await;
}
