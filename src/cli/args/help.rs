//! What the help of a verb says below its options: examples with `-h`, and the rest with `--help`.

/// Examples of `sub`.
pub(super) const SUB: &str = "\
Examples:
  mqtap sub mqtt://localhost 'plant/#'
  mqtap sub plant 'plant/+/state' -n 1 --format '{time} {topic} {payload}'
  mqtap sub plant '#' --format json >> messages.ndjson
  mqtap sub plant '#' --retained-only > retained.txt    all that the broker keeps, then the end";

/// The rest about `sub`.
pub(super) const SUB_MORE: &str = "\
Formats:
  text      topic, a space, payload
  json      an object a line; `payload_base64` where the payload is not UTF-8
  payload   the payload alone
  hex       the payload in hexadecimal digits
  TEMPLATE  {time} {topic} {qos} {retain} {dup} {size} {payload} {hex} {base64} {content_type}
            {response_topic} {correlation_data} {properties} {json}; {{ and }} are braces,
            \\t \\n \\r \\0 \\\\ as usual

A template takes members of a JSON payload, {payload.t} or {payload.list[0].name}, as they were sent,
and a layout as Rust has it: {topic:20} {size:>8} {payload.t:08} {payload:.80}, in columns.

Each message ends with a line feed, or as --separator says: nul for xargs -0, none for a stream.

To a terminal, control characters and the like are escaped; to a pipe or a file the bytes are exact.
JSON escapes them always and loses nothing.

--retained-only subscribes with QoS 0 unless -q is given. It ends with 0 when PINGRESP has come behind
the last SUBACK and nothing retained came for 500 ms, or when mosquitto sends the first new message;
where the broker is not known to be mosquitto, after 2 s without a retained message.

-n 0 waits for SUBACK and leaves: with --clean-start false -x 1h -i ID it makes a session that queues.
Called again for a session that has messages queued, it discards those that arrive before SUBACK.

The verb ends with 5 when every filter is refused; while some are granted it warns and goes on. It
does not retry the first connection; once connected, it reconnects.";

/// Examples of `pub`.
pub(super) const PUB: &str = "\
Examples:
  mqtap pub mqtt://localhost plant/line1/set on -q 1
  mqtap pub plant config/line1 --file line1.json --retain
  mqtap pub plant config/line1 '' --retain              removes a retained message
  tail -f values.log | mqtap pub plant plant/log --lines
  mqtap pub plant test/load x --repeat 1000 --interval 10ms";

/// The rest about `pub`.
pub(super) const PUB_MORE: &str = "\
Without PAYLOAD, --file or --lines, the payload is all of standard input. The verb ends when the
broker has acknowledged everything (QoS 1 and 2) or everything was sent (QoS 0).

Standard input is published as it is, with its line feeds: printf %s on, not echo on; or --lines. In a
loop that reads standard input, give PAYLOAD, or the rest of the input is the payload. An input that
is empty is refused with --retain, as it would remove the retained message: '' says that it is meant.

The broker may take the time of -W over a message; then the verb ends with 27 and says how many of how
many were acknowledged. It counts from the message, or from the last acknowledgement before it.

On a profile with protect = true it asks first, once for all that it publishes. Where standard input
is no terminal nobody can be asked, and only --yes lets it publish.";

/// Examples of `get`.
pub(super) const GET: &str = "\
Examples:
  mqtap get mqtt://localhost config/version
  mqtap get plant camera/1/image -W 30s > image.jpg";

/// The rest about `get`.
pub(super) const GET_MORE: &str = "\
To a pipe or a file the bytes are exact and nothing is added; to a terminal, control characters and
the like are escaped and a line feed follows.";

/// Examples of `doctor`.
pub(super) const DOCTOR: &str = "\
Examples:
  mqtap doctor                              terminal, clipboard, files, certificate authorities
  mqtap doctor plant                        every stage on the way, CONNECT, the profile's filters, a ping
  mqtap doctor mqtts://broker.example 'plant/#' 'secret/#'
  mqtap doctor plant --json | jq '.sections[0].checks[] | select(.check == \"tls\")'
  mqtap doctor plant --will                 is the will published when the client vanishes?";

/// The rest about `doctor`.
pub(super) const DOCTOR_MORE: &str = "\
The doctor connects with a Client Identifier of its own, the profile's with -doctor behind it, so that
it takes over no connection that is called alike; -i names another one. It keeps no session.

With --will, a client that ends in -will-test connects with the will and is cut off. The broker then
publishes the will, as if that client had died: whoever listens sees it, and a retained one stays. On
a profile with protect = true it asks first, unless --yes is given.

The exit code is that of the first check that failed: 3 the broker cannot be reached, 4 it refused
the connection, 5 it refused a filter, 27 it did not answer in time.";
