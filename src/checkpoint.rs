//! Files: safetensors, written so that a crash leaves the old file or the new one, never neither.
//!
//! One file holds the weights, the optimizer's slots, and in its metadata the model's JSON. It is written to a temporary
//! file in the same folder, fsynced, renamed over the old one, and the folder is fsynced. Reading runs no code: the
//! format is a header and raw numbers, checked by the `safetensors` crate.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::error::{Error, Result};

/// Numbers of one type, with their sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTensor {
    /// The name.
    pub name: String,
    /// The sizes.
    pub shape: Vec<usize>,
    /// The numbers.
    pub values: Values,
}

/// Numbers of one of the types that are stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// `float32`.
    F32(Vec<f32>),
    /// `float64`.
    F64(Vec<f64>),
    /// `int64`.
    I64(Vec<i64>),
}

impl Values {
    fn dtype(&self) -> Dtype {
        match self {
            Self::F32(_) => Dtype::F32,
            Self::F64(_) => Dtype::F64,
            Self::I64(_) => Dtype::I64,
        }
    }

    /// The numbers in memory order. The format is little-endian.
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::F64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Self::I64(values) => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<Self> {
        Some(match dtype {
            Dtype::F32 => Self::F32(
                bytes
                    .chunks_exact(4)
                    .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                    .collect(),
            ),
            Dtype::F64 => Self::F64(eights(bytes).map(f64::from_le_bytes).collect()),
            Dtype::I64 => Self::I64(eights(bytes).map(i64::from_le_bytes).collect()),
            _ => return None,
        })
    }
}

fn eights(bytes: &[u8]) -> impl Iterator<Item = [u8; 8]> + '_ {
    bytes
        .chunks_exact(8)
        .map(|b| [b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]])
}

fn failed(doing: &str, path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Io(format!("could not {doing} {}: {why}", path.display()))
}

/// Writes `tensors` and `metadata` to `path`; the file that was there stays whole until the new one is.
pub fn save(
    path: &Path,
    tensors: &[StoredTensor],
    metadata: &HashMap<String, String>,
) -> Result<()> {
    let bytes: Vec<Vec<u8>> = tensors.iter().map(|tensor| tensor.values.bytes()).collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|(tensor, bytes)| {
            let view = TensorView::new(tensor.values.dtype(), tensor.shape.clone(), bytes);
            view.map(|view| (tensor.name.as_str(), view))
                .map_err(|e| failed("write", path, e))
        })
        .collect::<Result<Vec<_>>>()?;
    let file = safetensors::serialize(views, Some(metadata.clone()))
        .map_err(|e| failed("write", path, e))?;
    write_atomically(path, &file).map_err(|e| failed("write", path, e))
}

fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    // A link stays a link: the file it names is replaced.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::other("not the name of a file"))?
        .to_string_lossy()
        .into_owned();
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let (mut file, temporary) = temporary_file(&folder, &name)?;
    let written = (|| {
        file.write_all(content)?;
        if let Ok(old) = fs::metadata(&path) {
            // The mode of the old file is kept where the system allows it.
            let _ = fs::set_permissions(&temporary, old.permissions());
        }
        file.sync_all()?;
        drop(file);
        fs::rename(&temporary, &path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
        return written;
    }
    // Without this a crash may forget the rename; systems that cannot sync a folder have no better way.
    if let Ok(folder) = File::open(&folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// A new file beside the target, so that the rename stays on one file system.
fn temporary_file(folder: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    for attempt in 0..100u32 {
        let path = folder.join(format!(".{name}.{}-{attempt}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map(|file| (file, path)),
        }
    }
    Err(io::Error::other("too many temporary files beside it"))
}

/// The tensors and metadata of the file at `path`.
pub fn load(path: &Path) -> Result<(Vec<StoredTensor>, HashMap<String, String>)> {
    let content = fs::read(path).map_err(|e| failed("read", path, e))?;
    let not_ours = |e: safetensors::SafeTensorError| {
        failed(
            "read",
            path,
            format!("it is not a file that lamina saved, or it is damaged ({e})"),
        )
    };
    let (_, header) = SafeTensors::read_metadata(&content).map_err(not_ours)?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let file = SafeTensors::deserialize(&content).map_err(not_ours)?;
    let tensors = file
        .iter()
        .map(|(name, view)| {
            let values = Values::from_bytes(view.dtype(), view.data()).ok_or_else(|| {
                failed(
                    "read",
                    path,
                    format!("tensor {name:?} is of type {:?}", view.dtype()),
                )
            })?;
            Ok(StoredTensor {
                name: name.to_owned(),
                shape: view.shape().to_vec(),
                values,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    Ok((tensors, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(name: &str, shape: &[usize], values: Values) -> StoredTensor {
        StoredTensor {
            name: name.into(),
            shape: shape.to_vec(),
            values,
        }
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.lamina");
        let tensors = [
            tensor("dense/bias", &[2], Values::F32(vec![1.5, f32::NAN])),
            tensor("dense/kernel", &[1, 2], Values::F64(vec![-0.0, 1e-300])),
            tensor("step", &[], Values::I64(vec![-7])),
        ];
        let metadata = HashMap::from([("model".to_owned(), "{}".to_owned())]);
        save(&path, &tensors[..1], &HashMap::new()).unwrap();
        save(&path, &tensors, &metadata).unwrap();
        let (mut loaded, loaded_metadata) = load(&path).unwrap();
        loaded.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(format!("{loaded:?}"), format!("{tensors:?}"));
        assert_eq!(loaded_metadata, metadata);
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[test]
    fn a_damaged_or_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.lamina");
        assert!(
            load(&path)
                .unwrap_err()
                .to_string()
                .starts_with("could not read")
        );
        fs::write(
            &path,
            b"PK\x03\x04 not a model, but long enough to be looked at",
        )
        .unwrap();
        let message = load(&path).unwrap_err().to_string();
        assert!(
            message.contains("not a file that lamina saved"),
            "{message}"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let message = save(Path::new("/no/such/folder/m.lamina"), &[], &HashMap::new())
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("could not write /no/such/folder/m.lamina"),
            "{message}"
        );
    }
}
