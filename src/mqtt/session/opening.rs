//! The packets up to CONNACK: whether the broker accepts, and what the library may see of that.

use std::{sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use rumqttc_v5::mqttbytes::v5::{ConnAck, Disconnect, Packet};
use tokio::time::Instant;

use crate::{
    base::text,
    mqtt::{
        error::Failure,
        link,
        options::{Options, Protocol},
        reason::Reason,
        redirect,
    },
    wire::{endpoint::Endpoint, frame::Header, packet::Kind},
};

/// What was asked of the broker.
#[derive(Debug, Clone)]
pub(in crate::mqtt) struct Terms {
    pub(in crate::mqtt) options: Arc<Options>,
    /// Of whom, as there may be fallbacks.
    pub(in crate::mqtt) endpoint: Endpoint,
    pub(in crate::mqtt) protocol: Protocol,
    /// The Client Identifier in CONNECT: that of the options, or the one that was assigned to this session before.
    pub(in crate::mqtt) client_id: String,
    /// Until when CONNACK is awaited.
    pub(in crate::mqtt) deadline: Instant,
    /// How long the broker may send nothing at all, where that is less.
    pub(in crate::mqtt) silence: Option<Duration>,
}

/// The packets up to CONNACK, as far as they have arrived.
#[derive(Debug, Default)]
pub(super) struct Opening {
    bytes: BytesMut,
}

/// What came of more bytes.
#[derive(Debug)]
pub(super) enum Step {
    /// CONNACK is still to come; these bytes may pass.
    Await(BytesMut),
    /// It is there; these bytes may pass, and then whatever follows.
    Open { passed: BytesMut, rest: BytesMut, keep_alive: Duration },
}

impl Opening {
    /// Takes more bytes, of which the guard has made sure that they are valid packets.
    ///
    /// # Errors
    ///
    /// Returns why the broker refused; the library knows neither the Reason String nor a reason outside the standard.
    pub(super) fn take(&mut self, more: &[u8], terms: &Terms) -> Result<Step, Failure> {
        self.bytes.extend_from_slice(more);
        let mut passed = BytesMut::new();
        while let Ok(Some(header)) = Header::read(&self.bytes) {
            if self.bytes.len() < header.size() {
                break;
            }
            let frame = self.bytes.split_to(header.size());
            if Kind::of(header.first) == Kind::Connack {
                let keep_alive = self::connack(header, frame, &mut passed, terms)?;
                return Ok(Step::Open { passed, rest: self.bytes.split(), keep_alive });
            }
            // AUTH is for the library, and so is what should not be here.
            passed.unsplit(frame);
        }
        Ok(Step::Await(passed))
    }
}

/// Judges a CONNACK, and lets pass what the library may see of it; returns Keep Alive in force.
fn connack(header: Header, frame: BytesMut, passed: &mut BytesMut, terms: &Terms) -> Result<Duration, Failure> {
    let ours = seconds(link::keep_alive_seconds(terms.options.keep_alive));
    let code = frame.get(header.len + 1).copied().unwrap_or_default();
    if terms.protocol != Protocol::V5 {
        if code != 0 {
            return Err(Failure::Refused { reason: Reason::of_v3_connack(code), text: String::new() });
        }
        passed.unsplit(frame);
        return Ok(ours);
    }
    if header.body == 2 && !Reason(code).is_failure() {
        return Err(Failure::OldConnack { code });
    }
    let connack = match Packet::read(&mut frame.clone(), None) {
        Ok(Packet::ConnAck(connack)) => Some(connack),
        Ok(_) | Err(_) => None,
    };
    if Reason(code).is_failure() {
        return Err(refused(Reason(code), connack, &terms.endpoint));
    }
    let Some(mut connack) = connack else {
        passed.unsplit(frame);
        return Ok(ours);
    };
    let server_keep_alive = connack.properties.as_ref().and_then(|properties| properties.server_keep_alive);
    if leave_out_unasked(&mut connack, terms) && connack.write(passed).is_ok() {
        tracing::debug!("CONNACK says what was not asked for");
    } else {
        passed.unsplit(frame);
    }
    Ok(server_keep_alive.map_or(ours, seconds))
}

fn seconds(seconds: u16) -> Duration {
    Duration::from_secs(u64::from(seconds))
}

/// Takes out of a CONNACK what a broker says unasked and the library hangs up on; tells whether there was any.
fn leave_out_unasked(connack: &mut ConnAck, terms: &Terms) -> bool {
    let Some(properties) = &mut connack.properties else { return false };
    let information = !terms.options.request_response_information && properties.response_information.take().is_some();
    let assigned = !terms.client_id.is_empty() && properties.assigned_client_identifier.take().is_some();
    let unasked = terms.options.authentication.is_none();
    let method = unasked && properties.authentication_method.take().is_some();
    let data = unasked && properties.authentication_data.take().is_some();
    information || assigned || method || data
}

fn refused(reason: Reason, connack: Option<ConnAck>, from: &Endpoint) -> Failure {
    let properties = connack.and_then(|connack| connack.properties);
    let said = properties.as_ref().and_then(|properties| properties.reason_string.as_deref()).unwrap_or_default();
    let reference = properties.as_ref().and_then(|properties| properties.server_reference.as_deref()).unwrap_or_default();
    redirect::failure(reason, said, reference, from)
        .unwrap_or_else(|| Failure::Refused { reason, text: text::safe(said).to_string() })
}

/// Reads a whole DISCONNECT of MQTT 5.
pub(super) fn disconnected(mut frame: BytesMut, from: &Endpoint) -> Failure {
    let code = Header::read(&frame).ok().flatten().and_then(|header| frame.get(header.len)).copied();
    let properties = match Packet::read(&mut frame, None) {
        Ok(Packet::Disconnect(Disconnect { properties, .. })) => properties,
        Ok(_) | Err(_) => None,
    };
    let reason = Reason(code.unwrap_or_default());
    let said = properties.as_ref().and_then(|properties| properties.reason_string.as_deref()).unwrap_or_default();
    let reference = properties.as_ref().and_then(|properties| properties.server_reference.as_deref()).unwrap_or_default();
    redirect::failure(reason, said, reference, from)
        .unwrap_or_else(|| Failure::Disconnected { reason, text: text::safe(said).to_string() })
}

/// Takes the packet off the front of the bytes, once it is whole.
pub(super) fn whole_packet(bytes: &mut BytesMut) -> Option<BytesMut> {
    let header = Header::read(bytes).ok().flatten()?;
    if bytes.len() < header.size() {
        return None;
    }
    let frame = bytes.split_to(header.size());
    bytes.advance(bytes.len());
    Some(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{mqtt::options::Authentication, wire::endpoint::Url};

    fn terms(protocol: Protocol, change: impl FnOnce(&mut Options)) -> Terms {
        let mut options = Options::new(Url::parse("mqtt://old").expect("valid").endpoint, "me");
        change(&mut options);
        Terms {
            endpoint: options.endpoint.clone(),
            client_id: options.client_id.clone(),
            options: Arc::new(options),
            protocol,
            deadline: Instant::now(),
            silence: None,
        }
    }

    /// Feeds bytes one by one; returns what passed, and after how many bytes the verdict came.
    fn judged(bytes: &[u8], terms: &Terms) -> (usize, Result<(Vec<u8>, Duration), Failure>) {
        let mut opening = Opening::default();
        let mut out = Vec::new();
        for (at, byte) in bytes.iter().enumerate() {
            match opening.take(&[*byte], terms) {
                Ok(Step::Await(passed)) => out.extend(passed),
                Ok(Step::Open { passed, keep_alive, .. }) => {
                    out.extend(passed);
                    return (at + 1, Ok((out, keep_alive)));
                }
                Err(failure) => return (at + 1, Err(failure)),
            }
        }
        panic!("no verdict by the last byte");
    }

    fn refusal(bytes: &[u8], protocol: Protocol) -> (u8, String) {
        match judged(bytes, &terms(protocol, |_| ())) {
            (end, Err(Failure::Refused { reason, text })) if end == bytes.len() => (reason.0, text),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_refusal_is_read_from_pieces() {
        assert_eq!(refusal(&[0x20, 0x02, 0x00, 0x05], Protocol::V311), (0x87, String::new()));
        assert_eq!(refusal(&[0x20, 0x02, 0x00, 0x02], Protocol::V31), (0x85, String::new()));
        assert_eq!(refusal(&[0x20, 0x03, 0x00, 0x84, 0x00], Protocol::V5), (0x84, String::new()));
        assert_eq!(refusal(&[0x20, 0x02, 0x00, 0x87], Protocol::V5), (0x87, String::new()));
        assert_eq!(refusal(b"\x20\x08\x00\x87\x05\x1f\x00\x02no", Protocol::V5), (0x87, "no".into()));
        let mut long = vec![0x20, 0xcf, 0x01, 0x00, 0x8a, 0xcb, 0x01, 0x1f, 0x00, 0xc8];
        long.extend([b'x'; 200]);
        assert_eq!(refusal(&long, Protocol::V5), (0x8a, "x".repeat(200)));
    }

    #[test]
    fn a_reason_that_the_standard_does_not_know_is_told_by_its_code() {
        assert_eq!(refusal(&[0x20, 0x03, 0x00, 0xff, 0x00], Protocol::V5), (0xff, String::new()));
        let farewell = disconnected(BytesMut::from(&[0xe0, 2, 0x55, 0][..]), &terms(Protocol::V5, |_| ()).endpoint);
        assert!(farewell.to_string().contains("a reason that MQTT does not define (0x55)"), "{farewell}");
    }

    #[test]
    fn a_connack_of_3_1_1_to_mqtt_5_is_named_with_its_return_code() {
        for (code, words) in
            [(0, ""), (1, ": unacceptable protocol version (return code 1)"), (5, ": not authorized (return code 5)")]
        {
            let (_, verdict) = judged(&[0x20, 2, 0, code], &terms(Protocol::V5, |_| ()));
            let said = verdict.expect_err("no CONNACK of MQTT 5").to_string();
            assert_eq!(said, format!("the broker answered to MQTT 5 with a CONNACK of MQTT 3.1.1{words}"));
        }
    }

    #[test]
    fn an_acceptance_passes_as_it_is() {
        for (bytes, protocol) in [
            (&[0x20, 0x02, 0x01, 0x00][..], Protocol::V311),
            (&[0x20, 0x03, 0x00, 0x00, 0x00], Protocol::V5),
            (&[0x20, 0x06, 0x00, 0x00, 0x03, 0x21, 0x00, 0x14], Protocol::V5),
        ] {
            let (passed, keep_alive) = judged(bytes, &terms(protocol, |_| ())).1.expect("accepted");
            assert_eq!((passed, keep_alive), (bytes.to_vec(), Duration::from_secs(30)));
        }
    }

    #[test]
    fn the_keep_alive_of_the_broker_is_found() {
        let bytes = [0x20, 0x06, 0x00, 0x00, 0x03, 0x13, 0x00, 0x05];
        assert_eq!(judged(&bytes, &terms(Protocol::V5, |_| ())).1.expect("accepted").1, Duration::from_secs(5));
    }

    #[test]
    fn what_was_not_asked_for_is_left_out_and_what_was_stays() {
        let properties: &[u8] = b"\x12\0\x01x\x15\0\x01m\x16\0\x01d\x1a\0\x01i";
        let bytes = [&[0x20, 3 + 16, 0, 0, 16][..], properties].concat();
        let (passed, _) = judged(&bytes, &terms(Protocol::V5, |_| ())).1.expect("accepted");
        assert_eq!(passed, [0x20, 3, 0, 0, 0]);
        let asked = terms(Protocol::V5, |options| {
            options.client_id.clear();
            options.request_response_information = true;
            options.authentication = Some(Authentication { method: "m".into(), data: None });
        });
        assert_eq!(judged(&bytes, &asked).1.expect("accepted").0, bytes);
    }

    #[test]
    fn a_packet_before_connack_passes_and_connack_is_still_awaited() {
        let auth = [0xf0, 2, 0x18, 0];
        let bytes = [&auth[..], &[0x20, 3, 0, 0, 0]].concat();
        assert_eq!(judged(&bytes, &terms(Protocol::V5, |_| ())).1.expect("accepted").0, bytes);
    }

    #[test]
    fn a_redirection_names_the_servers() {
        let connack = b"\x20\x08\x00\x9c\x05\x1c\x00\x02h2";
        let (_, verdict) = judged(connack, &terms(Protocol::V5, |_| ()));
        let failure = verdict.expect_err("refused");
        let Failure::Redirected { reason: Reason(0x9c), servers, .. } = &failure else { panic!("{failure:?}") };
        assert_eq!(servers[0].to_string(), "mqtt://h2:1883");
        let farewell = b"\xe0\x0c\x9d\x0a\x1c\x00\x07h3:2000";
        let failure = disconnected(BytesMut::from(&farewell[..]), &terms(Protocol::V5, |_| ()).endpoint);
        assert!(matches!(&failure, Failure::Redirected { servers, .. } if servers[0].port == 2000), "{failure:?}");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for first in 0..=u8::MAX {
            for rest in [&[0x00, 0, 0][..], &[0xff; 9], &[0x02, 0x00, 0x84, 0x00], &[0x03, 0x00, 0x87, 0x05], &[0x01, 0x87, 0x87]] {
                for protocol in [Protocol::V31, Protocol::V311, Protocol::V5] {
                    let bytes = [&[first][..], rest].concat();
                    drop(Opening::default().take(&bytes, &terms(protocol, |_| ())));
                    drop(disconnected(BytesMut::from(&bytes[..]), &terms(protocol, |_| ()).endpoint));
                }
            }
        }
    }
}
