//! `segue config` and `segue accounts`, as programs, against a selector.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use platform_selector::{AdapterSettings, Config, History, bind};
use segue_core::{Key, KeyRing, Random};
use segue_runtime::{Parts, Running, ServerConfig, Stop};
use segue_store::Settings;

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

struct Selector {
    running: Running,
    stop: Stop,
    folder: tempfile::TempDir,
}

impl Selector {
    async fn start() -> Self {
        let config = Config {
            server: ServerConfig::loopback(0),
            database: Settings::of_url("sqlite::memory:"),
            directory_keys: KeyRing::new(Key::generate(&Random::secure()), None),
            adapters: AdapterSettings::default(),
            history: History::default(),
        };
        let stop = Stop::new();
        let running = bind(config, Parts::real(stop.clone())).await.unwrap();
        Self { running, stop, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// Runs the program without a terminal.
    async fn segue(&self, arguments: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_segue"));
        command.args(arguments).env("SEGUE_SELECTOR_URI", self.running.uri()).stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        Said::from(output)
    }

    async fn end(self) {
        self.stop.now();
        self.running.stopped().await.unwrap();
    }
}

#[derive(Debug)]
struct Said {
    well: bool,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { well: output.status.success(), out: text(output.stdout), err: text(output.stderr) }
    }
}

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
        let file = selector.file(name, &FILE.replace(from, to));
        let said = selector.segue(&["config", "diff", &file]).await;
        assert!(!said.well && said.err.contains(expected), "{expected} in {said:?}");
    }
    // What only the selector can know is told with the entry and the field.
    let file =
        selector.file("f.yaml", &FILE.replace("feature: file_upload.max_mb", "feature: file_upload.mb"));
    let said = selector.segue(&["config", "apply", "--yes", &file]).await;
    assert!(!said.well && said.err.contains("+ work profile claims"), "{said:?}");
    assert!(said.err.contains("did you mean file_upload.max_mb?"), "{said:?}");
    selector.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_come_from_csv() {
    let selector = Selector::start().await;
    let platforms = selector.file("p.yaml", "platforms: [{id: app}]");
    assert!(selector.segue(&["config", "apply", "--yes", &platforms]).await.well);
    let csv = "platform,account,phone,email\n\
               app,a1,+86 138 0013 8001,\n\
               app,a2,13800138002,\n\
               moon,a3,+8613800138003,\n\
               app,a4\n\
               app,a5,,a5@example.com\n";
    let csv = selector.file("a.csv", csv);
    let refused = selector.folder.path().join("refused.csv").display().to_string();
    let said = selector.segue(&["accounts", "import", &csv, "--refused", &refused]).await;
    assert!(!said.well && said.out.starts_with("2 accounts imported, 3 rows refused"), "{said:?}");
    for line in ["line 3: identities[0].value must be a phone number", "line 4: platform", "line 5: row"] {
        assert!(said.err.contains(line), "{line} in {said:?}");
    }
    assert!(!said.err.contains("13800138002"), "{said:?}");
    let table = std::fs::read_to_string(refused).unwrap();
    assert!(table.starts_with("line,field,description\n3,identities[0].value,\"must be"), "{table}");
    // The same file again has nothing left to do.
    let said = selector.segue(&["accounts", "import", &csv]).await;
    assert!(said.out.starts_with("2 accounts imported, 2 rows refused"), "{said:?}");
    assert!(said.out.contains("up to line 6"), "{said:?}");
    let bad = selector.file("b.csv", "platform,shoe_size\n");
    let said = selector.segue(&["accounts", "import", &bad]).await;
    assert!(!said.well && said.err.contains("no column is called shoe_size"), "{said:?}");
    selector.end().await;
}
