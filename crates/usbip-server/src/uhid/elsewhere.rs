//! Systems without uhid.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::rc::Rc;

use crate::device::{DeviceInfo, Lease};
use crate::function::HidFunction;

pub(super) fn open(_: &Path) -> io::Result<Infallible> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn is_missing(_: &io::Error) -> bool {
    false
}

pub(super) async fn serve(
    file: Infallible,
    _: DeviceInfo,
    _: Lease,
    _: Rc<RefCell<dyn HidFunction>>,
) -> io::Result<()> {
    match file {}
}
