"""Where a caller may send the server: a table of ways in that are closed."""

import ipaddress

import pytest
from pydantic import ValidationError

from mlops.serving.jobs.addresses import Pattern, Place, is_public, may_reach
from mlops.serving.jobs.config import WebhooksConfig
from mlops.serving.jobs.signature import is_genuine, sign

SHOP = "https://shop.example/hooks/*"
PRIVATE = ["0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.8.8.8", "169.254.169.254", "172.16.0.1",
           "192.0.2.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
           "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1", "::ffff:10.0.0.1", "::ffff:7f00:1",
           "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1"]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


class TestPlaces:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "shop.example",
            "//shop.example/",
            "ftp://shop.example/",
            "file:///etc/passwd",
            "https://",
            "https:///hooks",
            "https://me@shop.example/",
            "https://me:pw@shop.example/",
            "https://shop.example@evil.example/",
            "https://shop.example/#a",
            "https://shop.example#@evil.example/",
            "https://shop.example\\@evil.example/",
            "https://shop.example/ a",
            "https://shop.example/\r\nx: 1",
            "https://shop.example\t/",
            "https://shöp.example/",
            "https://shop%2eexample/",
            "https://shop.example:0/",
            "https://shop.example:70000/",
            "https://shop.example:s3cr3t/",
            "https://[::1/",
            "https://[s3cr3t]/",
            "https://shop.example/hooks/../admin",
            "https://shop.example/hooks/%2e%2e/admin",
            "https://shop.example/hooks/.%2E/admin",
            "https://shop.example/hooks/..%2fadmin",
            "https://shop.example/hooks/./a",
            "https://shop.example/" + "a" * 2000,
        ],
    )
    def test_a_url_that_could_be_read_in_two_ways_is_none(self, url):
        with pytest.raises(ValueError, match="should") as error:
            Place.of(url)
        assert "s3cr3t" not in str(error.value)

    @pytest.mark.parametrize(
        ("url", "covered"),
        [
            ("https://shop.example/hooks/7", True),
            ("https://SHOP.example:443/hooks/7?order=1", True),
            ("https://shop.example/hooks/", True),
            ("https://shop.example/hooks", False),
            ("https://shop.example/other", False),
            ("http://shop.example/hooks/7", False),
            ("https://shop.example:8443/hooks/7", False),
            ("https://shop.example.evil/hooks/7", False),
            ("https://evil.example/shop.example/hooks/7", False),
            ("https://www.shop.example/hooks/7", False),
            ("https://shop.example./hooks/7", False),
        ],
    )
    def test_what_a_line_of_the_list_covers(self, url, covered):
        assert Pattern.of(SHOP).covers(Place.of(url)) is covered

    def test_a_line_without_an_end_covers_itself(self):
        line = Pattern.of("https://shop.example/hook")
        assert line.covers(Place.of("https://shop.example/hook"))
        assert not line.covers(Place.of("https://shop.example/hook?a"))
        assert not line.covers(Place.of("https://shop.example/hooks"))

    @pytest.mark.parametrize("text", ["*", "https://*", "https://*.shop.example/", "https://shop.example*",
                                      "https://a/*/b", "https://a/?b*", "shop.example/*"])  # fmt: skip
    def test_lines_that_name_no_host(self, text):
        with pytest.raises(ValidationError):
            WebhooksConfig(allow=(text,))

    def test_how_it_is_asked_for(self):
        place = Place.of("https://shop.example:8443/a?b=1")
        assert place.at(ipaddress.ip_address("192.0.2.1")) == "https://192.0.2.1:8443/a?b=1"
        assert place.at(ipaddress.ip_address("2001:db8::1")) == "https://[2001:db8::1]:8443/a?b=1"
        assert (place.netloc, Place.of("http://a/").netloc) == ("shop.example:8443", "a")


class TestReach:
    @pytest.mark.parametrize("address", PRIVATE)
    def test_private(self, address):
        assert not is_public(ipaddress.ip_address(address))

    @pytest.mark.parametrize("address", PUBLIC)
    def test_public(self, address):
        assert is_public(ipaddress.ip_address(address))

    @pytest.mark.parametrize(
        ("url", "addresses", "reached"),
        [
            ("https://shop.example/", ["8.8.8.8"], True),
            ("https://shop.example/", ["8.8.8.8", "127.0.0.1"], False),
            ("https://shop.example/", [], False),
            ("https://shop.example/", ["10.1.2.3"], True),
            ("https://shop.example/", ["10.2.2.3"], False),
            ("http://localhost/", ["127.0.0.1"], False),
            # The list itself names it.
            ("http://127.0.0.1:9000/", ["127.0.0.1"], True),
        ],
    )
    def test_all_that_a_name_stands_for(self, url, addresses, reached):
        private = WebhooksConfig(private=("10.1.0.0/16",)).private
        assert may_reach(Place.of(url), [ipaddress.ip_address(one) for one in addresses], private) is reached


class TestSignature:
    def test_only_this_secret_these_bytes_and_this_time(self):
        header = sign(b"secret", b'{"id": 1}', 1000)
        assert is_genuine(b"secret", b'{"id": 1}', header, 1300)
        assert not is_genuine(b"secrets", b'{"id": 1}', header, 1000)
        assert not is_genuine(b"secret", b'{"id": 2}', header, 1000)
        assert not is_genuine(b"secret", b'{"id": 1}', header, 1301)
        assert not is_genuine(b"secret", b'{"id": 1}', header, 699)
        assert not is_genuine(b"secret", b'{"id": 1}', header.replace("1000", "1001"), 1000)

    @pytest.mark.parametrize("header", ["", "t=", "v1=", "t=1000,v1=", "t=x,v1=a", "t=1000,v1=é", "t=²,v1=a",
                                        "t=" + "9" * 5000 + ",v1=a", "1000,abc", ",,,"])  # fmt: skip
    def test_what_is_no_signature(self, header):
        assert not is_genuine(b"secret", b"{}", header, 1000)
