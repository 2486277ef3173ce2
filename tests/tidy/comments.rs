//! The comments of the contracts, by the name of what they stand at.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

// Field numbers in descriptor.proto, which make up the paths of source locations.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const FILE_SERVICE: i32 = 6;
const MESSAGE_FIELD: i32 = 2;
const MESSAGE_NESTED: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const MESSAGE_ONEOF: i32 = 8;
const ENUM_VALUE: i32 = 2;
const SERVICE_METHOD: i32 = 2;

/// Everything that Segue's contracts declare, with its comment; an empty one where there is none.
pub fn of_contracts() -> BTreeMap<String, String> {
    let set = FileDescriptorSet::decode(segue_proto::DESCRIPTORS).unwrap();
    of_files(set.file.iter().filter(|file| file.package().starts_with("segue.")))
}

/// The same for given files.
pub fn of_files<'a>(files: impl Iterator<Item = &'a FileDescriptorProto>) -> BTreeMap<String, String> {
    let mut comments = BTreeMap::new();
    for file in files {
        Walk { written: written(file), comments: &mut comments }.file(file);
    }
    comments
}

fn written(file: &FileDescriptorProto) -> BTreeMap<Vec<i32>, String> {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    locations
        .map(|location| {
            let lines = location.leading_comments().lines().map(str::trim);
            (location.path.clone(), lines.collect::<Vec<_>>().join(" ").trim().to_owned())
        })
        .collect()
}

struct Walk<'a> {
    written: BTreeMap<Vec<i32>, String>,
    comments: &'a mut BTreeMap<String, String>,
}

impl Walk<'_> {
    fn file(&mut self, file: &FileDescriptorProto) {
        for (index, message) in (0..).zip(&file.message_type) {
            self.message(&[FILE_MESSAGE, index], file.package(), message);
        }
        for (index, declared) in (0..).zip(&file.enum_type) {
            self.declared_enum(&[FILE_ENUM, index], file.package(), declared);
        }
        for (index, service) in (0..).zip(&file.service) {
            let path = [FILE_SERVICE, index];
            let name = self.declare(&path, file.package(), service.name());
            self.declare_each(
                &path,
                SERVICE_METHOD,
                &name,
                service.method.iter().map(|method| method.name()),
            );
        }
    }

    fn message(&mut self, path: &[i32], scope: &str, message: &DescriptorProto) {
        if message.options.as_ref().is_some_and(|options| options.map_entry()) {
            return; // Made by the compiler for a map field.
        }
        let name = self.declare(path, scope, message.name());
        self.declare_each(path, MESSAGE_FIELD, &name, message.field.iter().map(|field| field.name()));
        // The compiler makes one for each `optional` field; those stand in no source.
        let made = |index: i32| {
            message.field.iter().any(|field| field.proto3_optional() && field.oneof_index == Some(index))
        };
        for (index, oneof) in (0..).zip(&message.oneof_decl).filter(|(index, _)| !made(*index)) {
            self.declare(&[path, &[MESSAGE_ONEOF, index]].concat(), &name, oneof.name());
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(&[path, &[MESSAGE_NESTED, index]].concat(), &name, nested);
        }
        for (index, declared) in (0..).zip(&message.enum_type) {
            self.declared_enum(&[path, &[MESSAGE_ENUM, index]].concat(), &name, declared);
        }
    }

    fn declared_enum(&mut self, path: &[i32], scope: &str, declared: &EnumDescriptorProto) {
        let name = self.declare(path, scope, declared.name());
        self.declare_each(path, ENUM_VALUE, &name, declared.value.iter().map(|value| value.name()));
    }

    fn declare_each<'n>(
        &mut self,
        path: &[i32],
        kind: i32,
        scope: &str,
        names: impl Iterator<Item = &'n str>,
    ) {
        for (index, name) in (0..).zip(names) {
            self.declare(&[path, &[kind, index]].concat(), scope, name);
        }
    }

    fn declare(&mut self, path: &[i32], scope: &str, name: &str) -> String {
        let full = format!("{scope}.{name}");
        self.comments.insert(full.clone(), self.written.get(path).cloned().unwrap_or_default());
        full
    }
}
