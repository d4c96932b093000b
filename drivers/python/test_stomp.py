import unittest

from stomp import LIMIT, Decoder, Frame, Malformed, encode

AWKWARD = Frame("MESSAGE", {"a:b\\": "\r\n:\\ ä", "empty": ""}, "nul\0 and 你好".encode())


def decode(*pieces, version="1.2"):
    decoder, frames = Decoder(), []
    decoder.version = version
    for piece in pieces:
        decoder.feed(piece)
        while (frame := decoder.next_frame()) is not None:
            frames.append(frame)
    return frames


class Reading(unittest.TestCase):
    def test_what_was_written_is_read_wherever_it_was_cut(self):
        octets = encode(AWKWARD)
        for cut in range(len(octets)):
            (frame,) = decode(b"\n" + octets[:cut], octets[cut:] + b"\r\n\n")
            self.assertEqual(frame.body, AWKWARD.body)
            self.assertEqual(frame.headers | AWKWARD.headers, frame.headers)

    def test_several_frames_with_beats_between_them(self):
        frames = decode(b"\r\n\n" + encode(AWKWARD) + b"\n\r\n" + b"RECEIPT\nreceipt-id:1\n\n\0" + encode(AWKWARD))
        self.assertEqual([frame.command for frame in frames], ["MESSAGE", "RECEIPT", "MESSAGE"])

    def test_carriage_returns_at_line_ends(self):
        (frame,) = decode(b"MESSAGE\r\na: b \r\n\r\nbody\r\n\0")
        self.assertEqual(frame, Frame("MESSAGE", {"a": " b "}, b"body\r\n"))

    def test_the_first_of_repeated_headers_counts(self):
        (frame,) = decode(b"MESSAGE\na:1\na:2\n\n\0")
        self.assertEqual(frame.headers, {"a": "1"})

    def test_connected_has_no_escapes(self):
        (frame,) = decode(b"CONNECTED\nserver:a\\c:b\n\n\0")
        self.assertEqual(frame.headers, {"server": "a\\c:b"})

    def test_in_1_1_only_lf_ends_a_line_and_cr_has_no_escape(self):
        (frame,) = decode(b"MESSAGE\na:1\r\nb:\r\\n\n\n\0", version="1.1")
        self.assertEqual(frame.headers, {"a": "1\r", "b": "\r\n"})
        with self.assertRaises(Malformed):
            decode(b"MESSAGE\na:\\r\n\n\0", version="1.1")

    def test_in_1_0_there_are_no_escapes_and_the_first_colon_ends_the_name(self):
        (frame,) = decode(b"MESSAGE\na:b:\\c\n\n\0", version="1.0")
        self.assertEqual(frame.headers, {"a": "b:\\c"})

    def test_what_is_no_stomp_is_refused(self):
        for octets in (b"MESSAGE\na:\\t\n\n\0", b"MESSAGE\na:\\\n\n\0", b"MESSAGE\na\n\n\0", b"MESSAGE\n:a\n\n\0",
                       b"MESSAGE\0", b"MESSAGE\ncontent-length:-1\n\n\0", b"MESSAGE\ncontent-length:1\n\nab\0",
                       b"MESSAGE\na:\xff\n\n\0", b"MESSAGE\n\n" + b"x" * LIMIT):
            with self.subTest(octets[:40]), self.assertRaises(Malformed):
                decode(octets)


class Writing(unittest.TestCase):
    def test_length_in_octets(self):
        self.assertEqual(encode(Frame("SEND", {"a:b": "\\"}, "ä".encode())), b"SEND\na\\cb:\\\\\ncontent-length:2\n\n\xc3\xa4\0")

    def test_connect_is_not_escaped(self):
        self.assertEqual(encode(Frame("CONNECT", {"token": "a:b\\"})), b"CONNECT\ntoken:a:b\\\n\n\0")
        with self.assertRaises(ValueError):
            encode(Frame("CONNECT", {"token": "a\nb"}))

    def test_by_version(self):
        frame = Frame("SEND", {"a": "\r:\\"})
        self.assertEqual(encode(frame, "1.0"), b"SEND\na:\r:\\\n\n\0")
        self.assertEqual(encode(frame, "1.1"), b"SEND\na:\r\\c\\\\\n\n\0")
        self.assertEqual(encode(frame, "1.2"), b"SEND\na:\\r\\c\\\\\n\n\0")
        with self.assertRaises(ValueError):
            encode(Frame("SEND", {"a": "b\n"}), "1.0")


if __name__ == "__main__":
    unittest.main()
