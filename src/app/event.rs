//! What goes into the state and what comes out of it.

use std::path::PathBuf;

use crate::{
    base::secret::Secret,
    keymap::key::Key,
    mqtt::{
        self,
        command::Command,
        will_test::{WillFault, WillReport},
    },
    profile::{Profile, Profiles, draft::Draft, need::Need},
    record::pcapng::Item,
};

/// A live connection, for as long as the program runs; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

/// Something that happened outside.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The mouse was moved in a way that means something.
    Mouse(Mouse),
    /// The terminal has another size, in columns and rows.
    Resize(u16, u16),
    /// Time went by.
    Tick,
    /// A session said something.
    Mqtt(ConnId, mqtt::event::Event),
    /// An effect came to its end.
    Done(Outcome),
}

/// What the mouse did, in the cell of this column and row, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mouse {
    /// The left button was pressed.
    Press {
        /// The column.
        x: u16,
        /// The row.
        y: u16,
    },
    /// The wheel was turned.
    Wheel {
        /// The column.
        x: u16,
        /// The row.
        y: u16,
        /// By so many notches, downwards.
        by: isize,
    },
}

/// How an effect ended.
#[derive(Debug)]
pub enum Outcome {
    /// A secret of this connection must be asked for; with those that the user typed before.
    SecretWanted(ConnId, Need, Vec<(Need, Secret)>),
    /// The connection could not be started: what, and what to do.
    NotStarted(ConnId, String),
    /// The saved connections were read.
    Profiles(Profiles),
    /// Something was saved, copied or edited; said to the user.
    Said(String),
    /// Something did not work: what, and what to do.
    Failed(String, String),
    /// Whether something answers on port 1883 of this machine.
    Probed(bool),
    /// The simulated plant listens there, as a URL.
    DemoReady(Box<Profile>),
    /// The test of a will came to its end.
    WillTested(ConnId, Result<Box<WillReport>, WillFault>),
    /// The terminal's background is light.
    LightBackground,
}

/// Something to be done outside.
pub enum Effect {
    /// Starts a session, with the secrets that were asked for.
    Start(ConnId, Box<Profile>, Vec<(Need, Secret)>),
    /// Tells a session something.
    Mqtt(ConnId, Command),
    /// Cuts off a client like that of the connection, and waits for its will.
    TestWill(ConnId),
    /// Ends a session with DISCONNECT.
    Stop(ConnId),
    /// Adds a connection to the profiles file.
    Save(Box<Draft>),
    /// Removes a connection from the profiles file.
    Remove(String),
    /// Opens a file in $EDITOR and reads the profiles again.
    Edit(PathBuf),
    /// Puts text on the clipboard; the second is what it is, for the notice.
    Copy(String, &'static str),
    /// Writes what passed on the wire of the connection of this name to a pcapng file.
    Export(String, Vec<Item>),
    /// Looks whether something answers on port 1883 of this machine.
    Probe,
    /// Starts the simulated plant.
    StartDemo,
    /// Has the terminal report the mouse, or not.
    Mouse(bool),
    /// Draws everything anew.
    Redraw,
    /// Gives the terminal back until the user returns.
    Suspend,
    /// Ends the program.
    Quit,
}
