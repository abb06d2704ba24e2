//! The action table: everything that a key can ask for, one line each.

/// Where a key means something; a key is looked up in the innermost context first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Everywhere but in a text field.
    Global,
    /// Any list or text that scrolls.
    List,
    /// The start screen.
    Connections,
    /// The three panes of a connection.
    Workspace,
    /// The topic tree.
    Topics,
    /// The message log.
    Messages,
    /// The detail pane.
    Detail,
    /// What passed on the wire.
    Protocol,
    /// What the broker granted and tells of itself.
    Broker,
    /// A form with fields.
    Form,
    /// The list of subscriptions.
    Subscriptions,
    /// A question.
    Confirm,
}

impl Context {
    /// All contexts, in the order of the help.
    pub const ALL: [Self; 12] = [
        Self::Topics,
        Self::Messages,
        Self::Detail,
        Self::Protocol,
        Self::Broker,
        Self::Connections,
        Self::Subscriptions,
        Self::Form,
        Self::Confirm,
        Self::Workspace,
        Self::List,
        Self::Global,
    ];

    /// Returns the name in the keymap files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::List => "list",
            Self::Connections => "connections",
            Self::Workspace => "workspace",
            Self::Topics => "topics",
            Self::Messages => "messages",
            Self::Detail => "detail",
            Self::Protocol => "protocol",
            Self::Broker => "broker",
            Self::Form => "form",
            Self::Subscriptions => "subscriptions",
            Self::Confirm => "confirm",
        }
    }

    /// Returns the title in the help.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::List => "Lists",
            Self::Connections => "Connections",
            Self::Workspace => "Connection",
            Self::Topics => "Topics",
            Self::Messages => "Messages",
            Self::Detail => "Detail",
            Self::Protocol => "Protocol",
            Self::Broker => "Broker",
            Self::Form => "Forms",
            Self::Subscriptions => "Subscriptions",
            Self::Confirm => "Questions",
        }
    }
}

macro_rules! actions {
    ($($context:ident { $($variant:ident, $name:literal, $hint:literal, $doc:literal;)* })*) => {
        /// What the user asks for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $($(#[doc = $doc] $variant,)*)*
        }

        impl Action {
            /// All actions, in the order of the help.
            pub const ALL: &[Self] = &[$($(Self::$variant,)*)*];

            /// Returns the name in the keymap files.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name,)*)* }
            }

            /// Returns the word in the row of hints, empty where the action is not worth a place there.
            #[must_use]
            pub fn hint(self) -> &'static str {
                match self { $($(Self::$variant => $hint,)*)* }
            }

            /// Says in one sentence what the action does.
            #[must_use]
            pub fn doc(self) -> &'static str {
                match self { $($(Self::$variant => $doc,)*)* }
            }

            /// Returns where the action belongs.
            #[must_use]
            pub fn context(self) -> Context {
                match self { $($(Self::$variant => Context::$context,)*)* }
            }
        }
    };
}

// Order matters: hints are cut from the right, and the help shows the table as it stands.
actions! {
    Topics {
        TopicOpen, "topic-open", "open", "Opens the branch, or goes to the messages of the topic.";
        TopicExpand, "topic-expand", "", "Opens the branch, or goes to its first child.";
        TopicCollapse, "topic-collapse", "", "Closes the branch, or goes to its parent.";
        TopicToggle, "topic-toggle", "", "Opens or closes the branch.";
        TopicExpandAll, "topic-expand-all", "", "Opens everything below the branch.";
        TopicCollapseAll, "topic-collapse-all", "", "Closes everything below the branch.";
        TopicSort, "topic-sort", "sort", "Orders the rows by name, rate, count, last change or size.";
        TopicFlat, "topic-flat", "flat", "Shows the busiest topics in one list, or the tree again.";
    }
    Messages {
        MessageOpen, "message-open", "open", "Shows the message in the detail pane.";
    }
    Detail {
        DetailNextTab, "detail-next-tab", "next tab", "Shows the next tab: payload, properties, hex.";
        DetailPreviousTab, "detail-previous-tab", "", "Shows the previous tab.";
        DetailWrap, "detail-wrap", "wrap", "Wraps long lines, or cuts them.";
    }
    Broker {
        Ping, "ping", "ping", "Asks the broker for a round trip at once.";
        Reauthenticate, "reauthenticate", "authenticate", "Authenticates once more on the open connection (MQTT 5).";
        WillTest, "will-test", "test the will", "Cuts off a client with the same will, and waits for what the broker publishes.";
    }
    Protocol {
        PacketOpen, "packet-open", "to message", "Goes to the message of the PUBLISH; on a lost connection, connects again at once.";
        PacketKinds, "packet-kinds", "kinds", "Shows all packets, control packets, publishes or acknowledgements.";
        PacketPings, "packet-pings", "pings", "Shows pings, or leaves them out.";
        PacketTimes, "packet-times", "times", "Shows the time since the row above, to the microsecond, or since CONNECT.";
        PacketHex, "packet-hex", "hex", "Shows the packet byte by byte, or field by field.";
        PacketExport, "packet-export", "export", "Writes the packets to a pcapng file for Wireshark.";
        PacketQuiet, "packet-quiet", "QoS 0", "Lists PUBLISH packets with QoS 0 one by one, or only counts them.";
        PacketCopy, "packet-copy", "", "Copies the bytes of the packet as hexadecimal digits.";
    }
    Connections {
        ConnectionOpen, "connection-open", "connect", "Connects, or goes to the connection when it is live.";
        ConnectionNew, "connection-new", "new", "Makes a new connection from a form or a pasted URL.";
        ConnectionLocalhost, "connection-localhost", "localhost", "Connects to the broker on this machine, port 1883.";
        ConnectionDemo, "connection-demo", "demo", "Starts the simulated plant: works offline.";
        ConnectionEdit, "connection-edit", "edit file", "Opens the profiles file in $EDITOR.";
        ConnectionDelete, "connection-delete", "delete", "Deletes the saved connection, after a question.";
    }
    Workspace {
        Filter, "filter", "filter", "Narrows topics, messages or packets while you type; Esc shows all.";
        MatchNext, "match-next", "", "Goes to the next match of the filter, also after it was cleared.";
        MatchPrevious, "match-previous", "", "Goes to the match before; without a search, shows what was said.";
        Freeze, "freeze", "freeze", "Freezes the messages or packets, or follows the newest again.";
        Publish, "publish", "publish", "Writes a message to the selected topic.";
        PublishCopy, "publish-copy", "", "Writes a copy of the selected message.";
        Subscribe, "subscribe", "subscribe", "Subscribes to a topic filter.";
        Subscriptions, "subscriptions", "subscriptions", "Lists the subscriptions and what the broker granted.";
        CopyPayload, "copy-payload", "copy", "Copies the payload of the selected message.";
        CopyTopic, "copy-topic", "", "Copies the topic.";
        ScrollDetailDown, "scroll-detail-down", "", "Scrolls the detail from any pane.";
        ScrollDetailUp, "scroll-detail-up", "", "Scrolls the detail from any pane.";
        PinBranch, "pin-branch", "", "Keeps the branch of the messages while the cursor moves on.";
        Zoom, "zoom", "zoom", "Gives the whole screen to the pane, or takes it back.";
        Reconnect, "reconnect", "", "Connects again at once.";
        LogIn, "log-in", "", "Asks for another user name and password, and connects with them.";
        FollowRedirect, "follow-redirect", "follow", "Connects to the server that the broker names in place of itself, after a question.";
        Disconnect, "disconnect", "", "Ends the connection with DISCONNECT and goes back to the start screen.";
        PaneTopics, "pane-topics", "", "Goes to the topics.";
        PaneMessages, "pane-messages", "", "Goes to the messages.";
        PaneDetail, "pane-detail", "", "Goes to the detail.";
        ViewBroker, "view-broker", "", "Shows what was agreed on with the broker, and what it tells of itself.";
        ViewProtocol, "view-protocol", "", "Shows what passed on the wire.";
        PaneNext, "pane-next", "next pane", "Goes to the next pane.";
        PanePrevious, "pane-previous", "", "Goes to the previous pane.";
        NextConnection, "next-connection", "", "Goes to the next live connection.";
    }
    Subscriptions {
        Unsubscribe, "unsubscribe", "unsubscribe", "Ends the subscription.";
        SubscribeMore, "subscribe-more", "subscribe", "Subscribes to one more topic filter.";
    }
    Form {
        FormSend, "form-send", "send", "Does what the form is for.";
        FormNext, "form-next", "next field", "Goes to the next field.";
        FormPrevious, "form-previous", "", "Goes to the previous field.";
    }
    Confirm {
        ConfirmYes, "confirm-yes", "yes", "Does it.";
        ConfirmNo, "confirm-no", "no", "Does not.";
    }
    List {
        Down, "down", "", "Moves down.";
        Up, "up", "", "Moves up.";
        PageDown, "page-down", "", "Moves a page down.";
        PageUp, "page-up", "", "Moves a page up.";
        HalfPageDown, "half-page-down", "", "Moves half a page down.";
        HalfPageUp, "half-page-up", "", "Moves half a page up.";
        First, "first", "", "Goes to the first row.";
        Last, "last", "", "Goes to the last row; the messages follow again.";
        Choose, "choose", "", "Chooses the row.";
    }
    Global {
        Back, "back", "", "Goes back one step, closes what is open; never quits.";
        Connections, "connections", "connections", "Shows the connections: saved and live.";
        Help, "help", "help", "Shows the keys of this place.";
        Palette, "palette", "commands", "Finds an action by its name.";
        Theme, "theme", "theme", "Chooses the colours.";
        Notices, "notices", "", "Shows what was said: errors, acknowledgements.";
        Mouse, "mouse", "", "Takes the mouse, so that it selects and scrolls, or leaves it to the terminal.";
        Redraw, "redraw", "", "Draws the screen anew.";
        Suspend, "suspend", "", "Suspends mqtap; `fg` brings it back.";
        Quit, "quit", "quit", "Closes what is open, else leaves mqtap.";
        QuitNow, "quit-now", "", "Leaves mqtap.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_docs_are_sentences() {
        let names: HashSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for action in Action::ALL {
            assert!(action.doc().ends_with('.') && action.doc().starts_with(char::is_uppercase), "{action:?}");
        }
    }
}
