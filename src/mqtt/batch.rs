//! Messages that arrived together, as they are handed on: whole, and without a copy.

use bytes::Bytes;

use super::message::{Message, Properties, Qos, Received};
use crate::{
    base::clock::Stamp,
    wire::{
        packet,
        run::{Publish, Run, Value},
    },
};

/// Messages in the order of their arrival.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    form: Form,
}

/// How the messages are held.
#[derive(Debug, Clone)]
enum Form {
    /// One by one, as the MQTT library gives them.
    List(Vec<Received>),
    /// As they were read, in one piece of memory.
    Run(Box<Reading>),
}

/// A run of one read.
#[derive(Debug, Clone)]
struct Reading {
    at: Stamp,
    resumed: bool,
    run: Run,
    /// How many packets of the run count.
    len: usize,
    /// The properties of those that have some, each with the place of its packet.
    properties: Vec<(usize, Properties)>,
}

/// A message of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery<'a> {
    /// When its last byte was read from the connection.
    pub at: Stamp,
    /// Whether it comes from a resumed session.
    pub resumed: bool,
    /// The Topic Name.
    pub topic: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// The Quality of Service of this delivery.
    pub qos: Qos,
    /// The RETAIN flag.
    pub retain: bool,
    /// The DUP flag.
    pub dup: bool,
    /// MQTT 5 properties.
    pub properties: Option<&'a Properties>,
}

impl Batch {
    /// Takes a run over that was read at one moment.
    pub(super) fn of_run(run: Run, at: Stamp, resumed: bool) -> Self {
        let mut properties = Vec::new();
        for (index, publish) in run.iter().enumerate() {
            if !publish.properties.is_empty() {
                properties.push((index, read(publish)));
            }
        }
        let len = run.len();
        Self { form: Form::Run(Box::new(Reading { at, resumed, run, len, properties })) }
    }

    /// Returns how many messages there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            Form::List(list) => list.len(),
            Form::Run(reading) => reading.len,
        }
    }

    /// Tells whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many bytes of topics and payloads are held.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.form {
            Form::List(list) => list.iter().map(|received| received.message.topic.len() + received.message.payload.len()).sum(),
            Form::Run(reading) => reading.run.held(),
        }
    }

    /// Lets go of all messages but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        match &mut self.form {
            Form::List(list) => list.truncate(len),
            Form::Run(reading) => reading.len = reading.len.min(len),
        }
    }

    /// Returns the messages one by one.
    #[must_use]
    pub fn iter(&self) -> Deliveries<'_> {
        Deliveries { batch: self, next: 0, properties: 0 }
    }
}

impl Default for Form {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl From<Vec<Received>> for Batch {
    fn from(list: Vec<Received>) -> Self {
        Self { form: Form::List(list) }
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = Delivery<'a>;
    type IntoIter = Deliveries<'a>;

    fn into_iter(self) -> Deliveries<'a> {
        self.iter()
    }
}

impl IntoIterator for Batch {
    type Item = Received;
    type IntoIter = std::vec::IntoIter<Received>;

    /// Gives each message memory of its own.
    fn into_iter(self) -> Self::IntoIter {
        match self.form {
            Form::List(list) => list.into_iter(),
            Form::Run(_) => self.iter().map(Received::from).collect::<Vec<_>>().into_iter(),
        }
    }
}

/// The messages of a batch, one by one.
#[derive(Debug, Clone)]
pub struct Deliveries<'a> {
    batch: &'a Batch,
    next: usize,
    /// How many of those before had properties.
    properties: usize,
}

impl<'a> Iterator for Deliveries<'a> {
    type Item = Delivery<'a>;

    #[inline]
    fn next(&mut self) -> Option<Delivery<'a>> {
        let index = self.next;
        self.next += 1;
        match &self.batch.form {
            Form::List(list) => list.get(index).map(Delivery::from),
            Form::Run(reading) => {
                let Publish { first, topic, properties: _, payload } = reading.run.get(index).filter(|_| index < reading.len)?;
                let properties = reading.properties.get(self.properties).filter(|(place, _)| *place == index);
                self.properties += usize::from(properties.is_some());
                Some(Delivery {
                    at: reading.at,
                    resumed: reading.resumed,
                    topic,
                    payload,
                    qos: Qos::AtMostOnce,
                    retain: packet::retain(first),
                    // QoS 0 has no second delivery.
                    dup: false,
                    properties: properties.map(|(_, properties)| properties),
                })
            }
        }
    }
}

impl<'a> From<&'a Received> for Delivery<'a> {
    fn from(received: &'a Received) -> Self {
        let Received { at, resumed, message } = received;
        let Message { topic, payload, qos, retain, dup, properties } = message;
        let (qos, retain, dup) = (*qos, *retain, *dup);
        Self { at: *at, resumed: *resumed, topic, payload, qos, retain, dup, properties: properties.as_deref() }
    }
}

impl From<Delivery<'_>> for Received {
    fn from(delivery: Delivery<'_>) -> Self {
        let Delivery { at, resumed, topic, payload, qos, retain, dup, properties } = delivery;
        let message = Message {
            topic: topic.into(),
            payload: Bytes::copy_from_slice(payload),
            qos,
            retain,
            dup,
            properties: properties.cloned().map(Box::new),
        };
        Self { at, resumed, message }
    }
}

/// Reads the properties of a packet that the guard has checked.
fn read(publish: Publish<'_>) -> Properties {
    let mut read = Properties::default();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    for (id, value) in publish.properties() {
        match (id, value) {
            (0x01, Value::Number(format)) => read.payload_format = u8::try_from(format).ok(),
            (0x02, Value::Number(seconds)) => read.message_expiry = Some(seconds),
            (0x03, Value::Text(kind)) => read.content_type = Some(text(kind)),
            (0x08, Value::Text(topic)) => read.response_topic = Some(text(topic)),
            (0x09, Value::Binary(data)) => read.correlation_data = Some(Bytes::copy_from_slice(data)),
            (0x0b, Value::Number(id)) => read.subscription_ids.push(id),
            (0x23, Value::Number(alias)) => read.topic_alias = u16::try_from(alias).ok(),
            (0x26, Value::Pair(name, value)) => read.user_properties.push((text(name), text(value))),
            // The guard has refused all others.
            (_, Value::Number(_) | Value::Text(_) | Value::Binary(_) | Value::Pair(..)) => {}
        }
    }
    read
}
