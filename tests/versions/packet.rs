//! Reads packets of a client, so that a test sees fields in place of bytes.

/// The fields of a CONNECT.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Connect {
    pub(crate) name: String,
    pub(crate) level: u8,
    pub(crate) clean: bool,
    pub(crate) keep_alive: u16,
    pub(crate) properties: Vec<(u8, Vec<u8>)>,
    pub(crate) client_id: String,
    pub(crate) will: Option<Will>,
    pub(crate) username: Option<Vec<u8>>,
    pub(crate) password: Option<Vec<u8>>,
}

/// The fields of a CONNECT that are about the will.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Will {
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) properties: Vec<(u8, Vec<u8>)>,
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
}

/// What is left of a packet.
pub(crate) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Starts after the header.
    pub(crate) fn of(packet: &'a [u8]) -> Self {
        let mut fields = Self(&packet[1..]);
        let remaining = fields.number();
        assert_eq!(fields.0.len(), remaining, "Remaining Length is right");
        fields
    }

    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    pub(crate) fn short(&mut self) -> u16 {
        u16::from_be_bytes(self.take(2).try_into().expect("two bytes"))
    }

    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        let length = self.short();
        self.take(length.into()).to_vec()
    }

    pub(crate) fn text(&mut self) -> String {
        String::from_utf8(self.bytes()).expect("UTF-8")
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(self.0.len())
    }

    fn number(&mut self) -> usize {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte();
            value |= usize::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return value;
            }
        }
        panic!("a number of more than four bytes");
    }

    /// Reads properties, in the order of their identifiers, each with its value as it stands.
    pub(crate) fn properties(&mut self) -> Vec<(u8, Vec<u8>)> {
        let length = self.number();
        let mut fields = Self(self.take(length));
        let mut properties = Vec::new();
        while !fields.0.is_empty() {
            let id = fields.byte();
            let value = match id {
                0x01 | 0x17 | 0x19 => fields.take(1).to_vec(),
                0x13 | 0x21 | 0x22 | 0x23 => fields.take(2).to_vec(),
                0x02 | 0x11 | 0x18 | 0x27 => fields.take(4).to_vec(),
                0x0b => fields.number().to_be_bytes().to_vec(),
                0x26 => [fields.bytes(), b"=".to_vec(), fields.bytes()].concat(),
                _ => fields.bytes(),
            };
            properties.push((id, value));
        }
        properties.sort();
        properties
    }
}

/// Reads a CONNECT.
pub(crate) fn connect(packet: &[u8]) -> Connect {
    assert_eq!(packet[0], 0x10);
    let mut fields = Fields::of(packet);
    let (name, level) = (fields.text(), fields.byte());
    let flags = fields.byte();
    assert_eq!(flags & 1, 0, "the reserved flag");
    let keep_alive = fields.short();
    let properties = if level == 5 { fields.properties() } else { Vec::new() };
    let client_id = fields.text();
    let will = (flags & 0x04 != 0).then(|| Will {
        qos: flags >> 3 & 3,
        retain: flags & 0x20 != 0,
        properties: if level == 5 { fields.properties() } else { Vec::new() },
        topic: fields.text(),
        payload: fields.bytes(),
    });
    let username = (flags & 0x80 != 0).then(|| fields.bytes());
    let password = (flags & 0x40 != 0).then(|| fields.bytes());
    assert!(fields.0.is_empty(), "nothing follows");
    Connect { name, level, clean: flags & 2 != 0, keep_alive, properties, client_id, will, username, password }
}
