//! Blots out the secrets of CONNECT and AUTH before anyone sees the packet.

use super::{
    check::{
        Fault,
        properties::{self, AUTH_DATA},
        reader::Reader,
    },
    frame::Header,
    packet::Kind,
};

/// What stands for each byte of a secret.
const STAR: u8 = b'*';

/// The flags of CONNECT (MQTT 5.0, 3.1.2.3).
const WILL: u8 = 0x04;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

/// Overwrites the password and the authentication data in a packet that may be cut.
///
/// What cannot be read is blotted out to its end: rather too much than a secret.
pub(super) fn mask(packet: &mut [u8]) {
    let Ok(Some(header)) = Header::read(packet) else { return };
    let body = packet.get_mut(header.len..).unwrap_or_default();
    let secrets = match Kind::of(header.first) {
        Kind::Connect => connect(body),
        Kind::Auth => auth(body),
        Kind::Reserved
        | Kind::Connack
        | Kind::Publish
        | Kind::Puback
        | Kind::Pubrec
        | Kind::Pubrel
        | Kind::Pubcomp
        | Kind::Subscribe
        | Kind::Suback
        | Kind::Unsubscribe
        | Kind::Unsuback
        | Kind::Pingreq
        | Kind::Pingresp
        | Kind::Disconnect => return,
    };
    for (start, end) in secrets {
        if let Some(secret) = body.get_mut(start..end) {
            secret.fill(STAR);
        }
    }
}

/// Places of secrets in a body, from and up to a byte.
type Places = Vec<(usize, usize)>;

fn connect(body: &[u8]) -> Places {
    let mut places = Places::new();
    let mut reader = Reader::new(body);
    if read_connect(&mut reader, body, &mut places).is_err() {
        places.push((body.len() - reader.rest().len(), body.len()));
    }
    places
}

/// Reads the fields in their order (MQTT 5.0, 3.1.2 and 3.1.3); the password is the last.
fn read_connect(reader: &mut Reader<'_>, body: &[u8], places: &mut Places) -> Result<(), Fault> {
    reader.binary("protocol name")?;
    let version = reader.byte("protocol version")?;
    let flags = reader.byte("connect flags")?;
    reader.u16("keep alive")?;
    if version >= 5 {
        authentication_data(reader, body, places)?;
    }
    reader.binary("client identifier")?;
    if flags & WILL != 0 {
        if version >= 5 {
            authentication_data(reader, body, places)?;
        }
        reader.binary("will topic")?;
        reader.binary("will payload")?;
    }
    if flags & USER_NAME != 0 {
        reader.binary("user name")?;
    }
    if flags & PASSWORD != 0 {
        reader.u16("password")?;
        places.push((body.len() - reader.rest().len(), body.len()));
    }
    Ok(())
}

fn auth(body: &[u8]) -> Places {
    let mut places = Places::new();
    let mut reader = Reader::new(body);
    if reader.byte("reason code").is_ok() && authentication_data(&mut reader, body, &mut places).is_err() {
        places.push((body.len() - reader.rest().len(), body.len()));
    }
    places
}

fn authentication_data(reader: &mut Reader<'_>, body: &[u8], places: &mut Places) -> Result<(), Fault> {
    let before = *reader;
    let walked = properties::walk(reader, |id, value, after| {
        if id == AUTH_DATA {
            let end = body.len() - after;
            places.push((end - value.len(), end));
        }
    });
    if walked.is_err() {
        *reader = before;
    }
    walked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CANARY: &[u8] = b"CANARY";

    /// Builds a CONNECT with will, user name, and the canary as password.
    fn connect_packet(version: u8, properties: &[u8]) -> Vec<u8> {
        let mut body = b"\0\x04MQTT".to_vec();
        body.extend([version, 0xc6, 0, 30]);
        body.extend_from_slice(properties);
        body.extend_from_slice(b"\0\x03me-");
        if version == 5 {
            body.push(0);
        }
        body.extend_from_slice(b"\0\x01t\0\x04gone\0\x04root\0\x06CANARY");
        let mut packet = vec![0x10, u8::try_from(body.len()).expect("a short packet")];
        packet.extend(body);
        packet
    }

    fn masked(mut packet: Vec<u8>) -> Vec<u8> {
        mask(&mut packet);
        packet
    }

    fn holds(bytes: &[u8], part: &[u8]) -> bool {
        bytes.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn a_password_becomes_stars_of_its_length() {
        for packet in [connect_packet(4, &[]), connect_packet(5, &[0])] {
            let seen = masked(packet.clone());
            assert_eq!(seen.len(), packet.len());
            assert!(seen.ends_with(b"\0\x04root\0\x06******"), "{seen:?}");
            assert_eq!(seen[..seen.len() - 6], packet[..packet.len() - 6], "all else stays");
        }
    }

    #[test]
    fn authentication_data_becomes_stars() {
        let packet = connect_packet(5, b"\x0d\x15\0\x01x\x16\0\x06CANARY");
        assert!(holds(&masked(packet), b"\x16\0\x06******"));
        let auth = b"\xf0\x0f\x18\x0d\x15\0\x01x\x16\0\x06CANARY".to_vec();
        assert!(holds(&masked(auth), b"\x16\0\x06******"));
    }

    #[test]
    fn other_packets_stay_as_they_are() {
        let packet = b"\x30\x0b\0\x03a/bCANARY".to_vec();
        assert_eq!(masked(packet.clone()), packet);
    }

    #[test]
    fn a_connect_that_cannot_be_read_is_blotted_out() {
        let mut broken = connect_packet(5, b"\x01\x7f");
        broken.truncate(40);
        assert!(!holds(&masked(broken), b"root"));
    }

    proptest! {
        #[test]
        fn a_cut_connect_never_shows_more_than_the_whole(cut in 0usize..60, version in 4u8..=5) {
            let mut packet = connect_packet(version, if version == 5 { &[0] } else { &[] });
            packet.truncate(cut);
            let seen = masked(packet);
            prop_assert!(!holds(&seen, &CANARY[..2]), "{:?}", seen);
        }

        #[test]
        fn any_bytes_can_be_masked(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let mut connect = vec![0x10, 0x50];
            connect.extend(&bytes);
            prop_assert_eq!(masked(connect).len(), bytes.len() + 2);
        }
    }
}
