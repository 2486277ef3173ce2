//! A file, or what comes by standard input.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
};

use anyhow::Context as _;

use super::{
    encoding::Encoding,
    record::Delimiter,
    rows::{Item, Rows},
    scan::{self, Format, Layout},
};

const BUFFER_BYTES: usize = 64 * 1024;
/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// A table of accounts that can be read as often as needed.
#[derive(Debug, Clone)]
pub(in crate::accounts) struct Source {
    file: Arc<File>,
    layout: Layout,
    /// Names the content.
    pub(in crate::accounts) digest: String,
    /// How many rows there are, refused ones too.
    pub(in crate::accounts) rows: u64,
}

impl Source {
    /// Reads the file once, for what it is written in and whether it can be sent. Standard input is kept in a file without
    /// a name meanwhile, since rows may have to be sent again.
    pub(in crate::accounts) fn open(
        path: &Path,
        encoding: Option<Encoding>,
        delimiter: Option<Delimiter>,
    ) -> anyhow::Result<Self> {
        let opened = if path.as_os_str() == STANDARD_INPUT { None } else { Some(File::open(path)?) };
        let file = match opened {
            Some(file) if file.metadata()?.is_file() => file,
            Some(pipe) => spool(pipe)?,
            None => spool(io::stdin().lock())?,
        };
        let file = Arc::new(file);
        let found = scan::encoding(reader(&file), encoding)?;
        let (layout, lines) = scan::layout(reader(&file), found, delimiter)?;
        let rows = scan::rows(lines, &layout)?;
        let format = Format { encoding: layout.encoding, delimiter: layout.delimiter };
        let digest = scan::digest(reader(&file), &format)?;
        Ok(Self { file, layout, digest, rows })
    }

    /// How it is written.
    pub(in crate::accounts) fn format(&self) -> Format {
        Format { encoding: self.layout.encoding, delimiter: self.layout.delimiter }
    }

    /// All rows, from the first.
    pub(in crate::accounts) fn rows(
        &self,
    ) -> anyhow::Result<impl Iterator<Item = anyhow::Result<Item>> + use<>> {
        let Layout { encoding, delimiter, mark, .. } = self.layout;
        let (layout, lines) = scan::layout(reader(&self.file), (encoding, mark), Some(delimiter))?;
        Ok(Rows::new(lines, encoding, delimiter, layout.columns))
    }
}

/// A place of its own in a file that others read, too.
struct Place {
    file: Arc<File>,
    offset: u64,
}

impl Read for Place {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset)?;
        self.offset += read as u64;
        Ok(read)
    }
}

fn reader(file: &Arc<File>) -> BufReader<Place> {
    BufReader::with_capacity(BUFFER_BYTES, Place { file: file.clone(), offset: 0 })
}

/// What can't be read twice, in a file that is gone with this process.
fn spool(mut from: impl Read) -> anyhow::Result<File> {
    let mut file = tempfile::tempfile().context("no place to keep the input while it is sent")?;
    io::copy(&mut from, &mut file).context("can't read the input")?;
    Ok(file)
}
