//! Plugs a key into this machine and touches it for one site only, until Ctrl-C: `touch_for example.org`. Without the kernel's
//! virtual host controller it offers the key over USB/IP.
#![allow(clippy::print_stdout)]

use std::time::Duration;

use virtual_key::{Decision, Error, VirtualKey};

fn main() -> Result<(), Error> {
    let site = std::env::args().nth(1).unwrap_or_else(|| "example.org".to_owned());
    let key = match VirtualKey::builder().attach() {
        Err(error @ Error::Kernel(_)) => {
            println!("{error}; next: {}", error.advice());
            VirtualKey::builder().serve("127.0.0.1:0")?
        }
        key => key?,
    };
    match (key.device_node(), key.address()) {
        (Some(node), _) => println!("{} is touched for {site}", node.display()),
        (None, address) => println!("usbip:{} is touched for {site}", address.expect("served")),
    }
    loop {
        let prompt = match key.wait_prompt(Duration::from_secs(3600)) {
            Err(Error::TimedOut(_)) => continue,
            prompt => prompt?,
        };
        let is_meant = prompt.rp_id() == Some(&site);
        println!("{:?} for {:?}: {is_meant}", prompt.question.action, prompt.rp_id());
        match key.answer(&prompt, if is_meant { Decision::Approve } else { Decision::Deny }) {
            // The program that asked is gone.
            Err(Error::NoPrompt) => {}
            answered => answered?,
        }
    }
}
