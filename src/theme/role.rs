//! The roles: what a piece of the screen means.

/// Declares the roles once: variant, name in a theme file, meaning.
macro_rules! roles {
    ($($(#[$doc:meta])+ $variant:ident $name:literal,)+) => {
        /// What a piece of the screen means; a theme gives every role a style.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Role {
            $($(#[$doc])+ $variant,)+
        }

        impl Role {
            /// Every role, in the order of declaration.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// Returns the name that a theme file uses.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

roles! {
    /// Plain text.
    Text "text",
    /// Text that matters less, and what is not possible now.
    Dim "dim",
    /// Guides and placeholders that may be overlooked.
    Faint "faint",
    /// The title of a pane or a section.
    Title "title",
    /// The border of a pane without the focus.
    Border "border",
    /// The border of the pane with the focus.
    BorderFocused "border-focused",
    /// The row under the cursor in the focused pane.
    Selection "selection",
    /// The row under the cursor in another pane.
    SelectionUnfocused "selection-unfocused",
    /// The bar at the top.
    TopBar "top-bar",
    /// The bar at the top while the profile is a protected one.
    TopBarProtected "top-bar-protected",
    /// The name of a key in the hints.
    Key "key",
    /// What a key in the hints does.
    Hint "hint",
    /// What should catch the eye: the active tab, a mark, the cursor of a list.
    Accent "accent",
    /// A connection that is up.
    Online "online",
    /// A connection on its way up.
    Connecting "connecting",
    /// A connection that is down.
    Offline "offline",
    /// Something went well.
    Success "success",
    /// Something needs attention.
    Warning "warning",
    /// Something failed.
    Error "error",
    /// Something is worth knowing.
    Notice "notice",
    /// A retained message and its flag.
    Retained "retained",
    /// The quality of service of a message.
    Qos "qos",
    /// The name of a topic.
    Topic "topic",
    /// A level of the topic tree that has more below it.
    Branch "branch",
    /// The last value of a topic, or a payload in a row.
    Value "value",
    /// The format that a payload was decoded from.
    Kind "kind",
    /// A rate, a count or a size.
    Rate "rate",
    /// A point in time or a duration.
    Time "time",
    /// A value that has just changed.
    New "new",
    /// A line that a comparison found only in the newer message.
    Added "added",
    /// A line that a comparison found only in the older message.
    Removed "removed",
    /// A packet to the broker.
    Sent "sent",
    /// A packet from the broker.
    Received "received",
    /// A search hit.
    Match "match",
    /// What stands for a character that must not reach the terminal.
    Escape "escape",
    /// A key of a JSON object.
    JsonKey "json-key",
    /// A JSON string.
    JsonString "json-string",
    /// A JSON number.
    JsonNumber "json-number",
    /// `true` and `false` in JSON.
    JsonBool "json-bool",
    /// `null` in JSON.
    JsonNull "json-null",
    /// Braces, brackets, colons and commas in JSON.
    JsonPunctuation "json-punctuation",
    /// The first series of a chart, and a sparkline.
    Chart "chart",
    /// The second series of a chart.
    ChartSecond "chart-second",
    /// A field that takes text.
    Input "input",
    /// The label of a field.
    InputLabel "input-label",
    /// The inside of a popup.
    Popup "popup",
}
