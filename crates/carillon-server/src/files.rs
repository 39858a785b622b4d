//! Files that only the server's own user may read: credentials, the admin token, where the server is.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use carillon_core::port::Random;

/// Makes the directory, for its owner only (0700), where it is missing.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Writes the file whole or not at all, readable for its owner only (0600).
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    // A leftover could have other permissions.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&partial, path)
}

/// Where a running server says where it is, for commands.
pub(crate) fn whereabouts(data: &Path) -> PathBuf {
    data.join("server.json")
}

/// Removes what a server that was killed left of itself: whoever takes the directory now holds its lock, and commands would take
/// that for the server's, and send the admin token to whatever has its port.
pub(crate) fn forget_server(data: &Path) -> io::Result<()> {
    match fs::remove_file(whereabouts(data)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The token of the native API, made at the first start.
pub(crate) fn admin_token(data: &Path, random: &Arc<dyn Random>) -> io::Result<String> {
    let path = data.join("admin-token");
    match fs::read(&path) {
        Ok(bytes) if !bytes.trim_ascii().is_empty() => return word(bytes.trim_ascii()),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let token = random.hex(32);
    write_private(&path, format!("{token}\n").as_bytes())?;
    Ok(token)
}

/// A token as it can be sent in a header.
fn word(bytes: &[u8]) -> io::Result<String> {
    let text = str::from_utf8(bytes).ok().filter(|it| it.bytes().all(|byte| byte.is_ascii_graphic()));
    let refused = "the file admin-token is not one word of printable ASCII: remove it, and the start makes another";
    text.map(str::to_owned).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, refused))
}
