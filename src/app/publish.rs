//! The form that publishes: to which connection, what it began with, and what is made of it.

use bytes::Bytes;
use bytestring::ByteString;

use super::{
    event::ConnId,
    form::{Field, Form, Row},
    popup::{self, LEVELS},
    workspace::Workspace,
};
use crate::mqtt::{
    message::{Message, Properties},
    options::Protocol,
    topic,
};

const TOPIC: &str = "Topic";
const PAYLOAD: &str = "Payload";
const PROPERTIES: &str = "MQTT 5";

/// A form that publishes on one connection.
#[derive(Debug)]
pub struct Publishing {
    /// The connection.
    pub id: ConnId,
    /// The form.
    pub form: Form,
    /// The topic that was selected when it was opened.
    begun_at: String,
    /// What it was opened with.
    began: Message,
}

/// A message that was sent or put aside, for the next form.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The message; its topic may be no valid one.
    message: Message,
    /// The topic that was selected when it was begun.
    begun_at: String,
}

impl Publishing {
    /// Opens the form with what is known of a message.
    #[must_use]
    pub fn new(workspace: &Workspace, message: Message) -> Self {
        let form = form(&message, workspace.protocol());
        Self { id: workspace.id, form, begun_at: workspace.topic().unwrap_or_default(), began: message }
    }

    /// Opens the form with the selected topic, and with what was written to it or begun there before.
    #[must_use]
    pub fn on_topic(workspace: &Workspace) -> Self {
        let topic = workspace.topic().unwrap_or_default();
        let message = match &workspace.draft {
            Some(draft) if topic.is_empty() || *draft.message.topic == topic || draft.begun_at == topic => draft.message.clone(),
            Some(_) | None => Message { topic: topic.into(), ..Message::default() },
        };
        Self::new(workspace, message)
    }

    /// Reads the form.
    ///
    /// # Errors
    ///
    /// Returns a sentence that says what is wrong.
    pub fn read(&self) -> Result<Message, String> {
        let message = self.entered();
        topic::check_name(&message.topic)?;
        Ok(message)
    }

    /// Returns what is worth keeping when the form is closed: nothing unless it was changed.
    #[must_use]
    pub fn draft(&self) -> Option<Draft> {
        let message = self.entered();
        let is_new = (&message.topic, &message.payload) != (&self.began.topic, &self.began.payload);
        is_new.then(|| Draft { message, begun_at: self.begun_at.clone() })
    }

    fn entered(&self) -> Message {
        let payload = match self.form.field(PAYLOAD) {
            Some(Field::Raw(bytes, _)) => bytes.clone(),
            _ => Bytes::from(self.form.text(PAYLOAD)),
        };
        let properties = match self.form.field(PROPERTIES) {
            Some(Field::Properties { kept, .. }) => kept.clone(),
            _ => None,
        };
        Message {
            topic: ByteString::from(self.form.text(TOPIC)),
            payload,
            qos: popup::level(&self.form),
            retain: self.form.is_on("Retain"),
            dup: false,
            properties,
        }
    }
}

impl Draft {
    /// Keeps a message that was sent.
    #[must_use]
    pub fn sent(message: Message) -> Self {
        Self { begun_at: message.topic.to_string(), message }
    }
}

impl Workspace {
    /// Returns the selected message as it can be published again.
    #[must_use]
    pub fn selected_message(&self) -> Option<Message> {
        self.selected().map(|entry| Message {
            topic: entry.topic.into(),
            payload: Bytes::copy_from_slice(entry.payload),
            qos: entry.qos,
            retain: entry.retain,
            dup: false,
            properties: entry.properties().map(publishable).filter(|properties| !properties.is_empty()).map(Box::new),
        })
    }

    /// Returns the version of MQTT that is spoken, or will be tried.
    fn protocol(&self) -> Protocol {
        self.welcome.as_ref().map_or(self.profile.protocol(), |welcome| welcome.protocol)
    }
}

/// Returns the properties without those that mean something on one connection only (MQTT 5.0, 3.3.2.3.4 and 3.3.2.3.8).
fn publishable(properties: Properties) -> Properties {
    Properties { topic_alias: None, subscription_ids: Vec::new(), ..properties }
}

fn form(message: &Message, protocol: Protocol) -> Form {
    let mut rows = vec![
        Row::line(TOPIC, "plant/hall1/cmd", &*message.topic),
        Row::choice("QoS", LEVELS, usize::from(message.qos.level())),
        Row::toggle("Retain", message.retain),
    ];
    rows.extend(message.properties.as_deref().map(|properties| properties_row(properties, protocol)));
    rows.push(Row::bytes(PAYLOAD, &message.payload));
    let mut form = Form::new("Publish", rows);
    if !message.topic.is_empty() {
        form.focus_on(PAYLOAD);
    }
    form
}

fn properties_row(properties: &Properties, protocol: Protocol) -> Row {
    let (count, names) = names(properties);
    let noun = if count == 1 { "property" } else { "properties" };
    let (kept, said) = if protocol == Protocol::V5 {
        (Some(Box::new(properties.clone())), format!("{count} {noun} kept, Del leaves out: {names}"))
    } else {
        (None, format!("{count} {noun} left out: MQTT {protocol} has none"))
    };
    Row { label: PROPERTIES, hint: "", field: Field::Properties { kept, said } }
}

/// Counts the properties, and lists their names.
fn names(properties: &Properties) -> (usize, String) {
    let Properties {
        payload_format,
        message_expiry,
        topic_alias: _,
        response_topic,
        correlation_data,
        user_properties,
        subscription_ids: _,
        content_type,
    } = properties;
    let users = user_properties.len();
    let single = [
        (payload_format.is_some(), "payload format"),
        (message_expiry.is_some(), "expiry"),
        (response_topic.is_some(), "response topic"),
        (correlation_data.is_some(), "correlation data"),
        (content_type.is_some(), "content type"),
    ];
    let mut names: Vec<String> = single.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| (*name).to_owned()).collect();
    let count = names.len() + users;
    names.extend((users > 0).then(|| format!("{users} of the user")));
    (count, names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::clock::Stamp, profile::Profile, wire::endpoint::Url};

    fn opened(message: &Message) -> Publishing {
        let url = Url::parse("mqtt://127.0.0.1").expect("a URL");
        Publishing::new(&Workspace::new(ConnId(0), Profile::ad_hoc(url), Stamp::default()), message.clone())
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        for payload in [&b"\xff\x00"[..], "a\u{202e}b".as_bytes()] {
            let message = Message { topic: "a".into(), payload: Bytes::from_static(payload), ..Message::default() };
            assert_eq!(opened(&message).read().expect("valid"), message);
        }
    }

    #[test]
    fn wildcards_are_refused_and_put_aside_all_the_same() {
        let mut form = opened(&Message::default());
        form.form.paste("a/#");
        assert!(form.read().expect_err("a wildcard").contains('#'));
        assert_eq!(form.draft().map(|draft| draft.message.topic), Some("a/#".into()));
    }

    #[test]
    fn a_form_that_was_only_looked_at_is_no_draft() {
        let message = Message { topic: "a".into(), payload: "x".into(), ..Message::default() };
        assert!(opened(&message).draft().is_none());
    }
}
