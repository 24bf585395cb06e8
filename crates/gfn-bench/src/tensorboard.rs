//! TensorBoard event files: `TFRecord` framing around hand-encoded protobuf scalars, without a dependency.
//!
//! A file is a sequence of records, `length u64 | crc(length) u32 | data | crc(data) u32`, little endian, the checksums
//! masked CRC-32C. Each record's data is one `Event` message; only the five fields that scalars need are written.
//!
//! Time is an argument everywhere, so that a test writes the same bytes twice. A resumed run opens a **new** file in the
//! same folder ([`EventWriter::create`]) and says from which step it goes on ([`EventWriter::resume`]): TensorBoard then
//! drops what the killed session had written beyond its checkpoint, and no file is ever appended to after a torn write.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Field numbers of TensorFlow's `event.proto` and `summary.proto`.
mod field {
    pub(super) const EVENT_WALL_TIME: u64 = 1;
    pub(super) const EVENT_STEP: u64 = 2;
    pub(super) const EVENT_FILE_VERSION: u64 = 3;
    pub(super) const EVENT_SUMMARY: u64 = 5;
    pub(super) const EVENT_SESSION_LOG: u64 = 7;
    pub(super) const SUMMARY_VALUE: u64 = 1;
    pub(super) const VALUE_TAG: u64 = 1;
    pub(super) const VALUE_SIMPLE_VALUE: u64 = 2;
    pub(super) const SESSION_LOG_STATUS: u64 = 1;
}

/// Protobuf wire types.
mod wire {
    pub(super) const VARINT: u64 = 0;
    pub(super) const FIXED_64: u64 = 1;
    pub(super) const BYTES: u64 = 2;
    pub(super) const FIXED_32: u64 = 5;
}

/// `SessionLog.SessionStatus.START`.
const SESSION_START: u64 = 1;

/// Writes scalars in the format that TensorBoard reads.
///
/// # Examples
///
/// ```
/// use gfn_bench::tensorboard::EventWriter;
///
/// let mut bytes = Vec::new();
/// let mut writer = EventWriter::new(&mut bytes, 1.7e9)?;
/// writer.scalar("loss", 0.25, 100, 1.7e9 + 2.0)?;
/// writer.flush()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct EventWriter<W: Write> {
    sink: W,
}

impl EventWriter<BufWriter<File>> {
    /// Opens a new event file in `folder`, named `events.out.tfevents.<seconds>.<n>.gfn`.
    ///
    /// `wall_time` is in seconds since the Unix epoch. TensorBoard reads the files of a folder in the order of their
    /// names; `n` counts up when two sessions start within one second. The name holds no host, so that run folders from
    /// two machines compare.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made or the file cannot be written; the message names the path.
    pub fn create(folder: &Path, wall_time: f64) -> io::Result<Self> {
        let name_path = |error: io::Error, path: &Path| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        };
        std::fs::create_dir_all(folder).map_err(|error| name_path(error, folder))?;
        let seconds = wall_time.max(0.0) as u64;
        let mut session = 0_u32;
        loop {
            let path = folder.join(format!("events.out.tfevents.{seconds:010}.{session}.gfn"));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Self::new(BufWriter::new(file), wall_time),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => session += 1,
                Err(error) => return Err(name_path(error, &path)),
            }
        }
    }
}

impl<W: Write> EventWriter<W> {
    /// Starts a file: writes the record that names the format's version.
    ///
    /// # Errors
    ///
    /// If the sink fails.
    pub fn new(sink: W, wall_time: f64) -> io::Result<Self> {
        let mut writer = Self { sink };
        let mut event = event(wall_time, 0);
        bytes_field(field::EVENT_FILE_VERSION, b"brain.Event:2", &mut event);
        writer.record(&event)?;
        Ok(writer)
    }

    /// Says that this session goes on from `step`: scalars of `step` and later in earlier files are superseded.
    ///
    /// # Errors
    ///
    /// If the sink fails.
    pub fn resume(&mut self, step: u64, wall_time: f64) -> io::Result<()> {
        let mut session_log = Vec::new();
        varint_field(field::SESSION_LOG_STATUS, SESSION_START, &mut session_log);
        let mut event = event(wall_time, step);
        bytes_field(field::EVENT_SESSION_LOG, &session_log, &mut event);
        self.record(&event)
    }

    /// Writes one value of the curve `tag`. TensorBoard stores single precision; NaN and infinities are allowed.
    ///
    /// # Errors
    ///
    /// If the sink fails.
    pub fn scalar(&mut self, tag: &str, value: f64, step: u64, wall_time: f64) -> io::Result<()> {
        let mut entry = Vec::new();
        bytes_field(field::VALUE_TAG, tag.as_bytes(), &mut entry);
        key(field::VALUE_SIMPLE_VALUE, wire::FIXED_32, &mut entry);
        entry.extend_from_slice(&(value as f32).to_le_bytes());
        let mut summary = Vec::new();
        bytes_field(field::SUMMARY_VALUE, &entry, &mut summary);
        let mut event = event(wall_time, step);
        bytes_field(field::EVENT_SUMMARY, &summary, &mut event);
        self.record(&event)
    }

    /// Hands everything written so far to the system, so that a running TensorBoard shows it.
    ///
    /// # Errors
    ///
    /// If the sink fails.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        self.sink.write_all(&length)?;
        self.sink.write_all(&masked_crc32c(&length).to_le_bytes())?;
        self.sink.write_all(data)?;
        self.sink.write_all(&masked_crc32c(data).to_le_bytes())
    }
}

fn event(wall_time: f64, step: u64) -> Vec<u8> {
    let mut event = Vec::with_capacity(64);
    key(field::EVENT_WALL_TIME, wire::FIXED_64, &mut event);
    event.extend_from_slice(&wall_time.to_le_bytes());
    varint_field(field::EVENT_STEP, step, &mut event);
    event
}

fn key(number: u64, wire_type: u64, out: &mut Vec<u8>) {
    varint(number << 3 | wire_type, out);
}

fn varint_field(number: u64, value: u64, out: &mut Vec<u8>) {
    key(number, wire::VARINT, out);
    varint(value, out);
}

fn bytes_field(number: u64, data: &[u8], out: &mut Vec<u8>) {
    key(number, wire::BYTES, out);
    varint(data.len() as u64, out);
    out.extend_from_slice(data);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// CRC-32C (Castagnoli). Bit by bit: a record is some fifty bytes, a table would not pay.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// The checksum as `TFRecord` stores it: masked, because a CRC over data that holds CRCs is weak.
fn masked_crc32c(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of a decoded message: its number, and its payload or its varint.
    #[derive(Debug, PartialEq)]
    enum Value {
        Varint(u64),
        Bytes(Vec<u8>),
    }

    fn take(data: &mut &[u8], n: usize) -> Vec<u8> {
        let (head, tail) = data.split_at(n);
        *data = tail;
        head.to_vec()
    }

    fn read_varint(data: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = take(data, 1)[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }

    fn fields(mut data: &[u8]) -> Vec<(u64, Value)> {
        let mut found = Vec::new();
        while !data.is_empty() {
            let key = read_varint(&mut data);
            let value = match key & 7 {
                wire::VARINT => Value::Varint(read_varint(&mut data)),
                wire::FIXED_64 => Value::Bytes(take(&mut data, 8)),
                wire::FIXED_32 => Value::Bytes(take(&mut data, 4)),
                _ => {
                    let length = read_varint(&mut data) as usize;
                    Value::Bytes(take(&mut data, length))
                }
            };
            found.push((key >> 3, value));
        }
        found
    }

    fn records(mut data: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !data.is_empty() {
            let length = take(&mut data, 8);
            assert_eq!(take(&mut data, 4), masked_crc32c(&length).to_le_bytes());
            let payload = take(
                &mut data,
                u64::from_le_bytes(length.try_into().unwrap()) as usize,
            );
            assert_eq!(take(&mut data, 4), masked_crc32c(&payload).to_le_bytes());
            found.push(payload);
        }
        found
    }

    #[test]
    fn checksums_match_the_published_vectors() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        // The length field of the first record of every TensorFlow event file (24 bytes).
        assert_eq!(
            masked_crc32c(&24_u64.to_le_bytes()).to_le_bytes(),
            [0xa3, 0x7f, 0x4b, 0x22]
        );
    }

    #[test]
    fn scalars_decode_to_what_was_written() {
        let mut bytes = Vec::new();
        let mut writer = EventWriter::new(&mut bytes, 12.5).unwrap();
        writer.resume(300, 13.0).unwrap();
        writer.scalar("exact.tv", 0.25, 300, 14.0).unwrap();
        let records = records(&bytes);
        assert_eq!(
            fields(&records[0]),
            [
                (1, Value::Bytes(12.5_f64.to_le_bytes().to_vec())),
                (2, Value::Varint(0)),
                (3, Value::Bytes(b"brain.Event:2".to_vec()))
            ]
        );
        assert_eq!(
            fields(&records[1])[1..],
            [(2, Value::Varint(300)), (7, Value::Bytes(vec![8, 1]))]
        );
        let scalar = fields(&records[2]);
        assert_eq!(scalar[1], (2, Value::Varint(300)));
        let (5, Value::Bytes(summary)) = &scalar[2] else {
            panic!("no summary in {scalar:?}")
        };
        let [(1, Value::Bytes(entry))] = &fields(summary)[..] else {
            panic!("not one value in {summary:?}")
        };
        let value = 0.25_f32.to_le_bytes().to_vec();
        assert_eq!(
            fields(entry),
            [
                (1, Value::Bytes(b"exact.tv".to_vec())),
                (2, Value::Bytes(value))
            ]
        );
    }

    #[test]
    fn every_session_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        for wall_time in [1_700_000_000.2, 1_700_000_000.9, 1_700_000_005.0] {
            let mut writer = EventWriter::create(folder.path(), wall_time).unwrap();
            writer.scalar("loss", f64::NAN, 1, wall_time).unwrap();
            writer.flush().unwrap();
        }
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "events.out.tfevents.1700000000.0.gfn",
                "events.out.tfevents.1700000000.1.gfn",
                "events.out.tfevents.1700000005.0.gfn"
            ]
        );
        for name in names {
            assert_eq!(
                records(&std::fs::read(folder.path().join(name)).unwrap()).len(),
                2
            );
        }
    }

    #[test]
    fn an_unwritable_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        std::fs::write(&blocked, "").unwrap();
        let error = EventWriter::create(&blocked, 0.0).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
