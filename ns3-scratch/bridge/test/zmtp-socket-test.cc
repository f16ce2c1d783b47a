// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/fuzz/stream.h"
#include "bridge/wait.h"
#include "bridge/zmtp-socket.h"

#include <array>
#include <doctest/doctest.h>
#include <numeric>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace qntn;
using Result = ZmtpSocket::Result;

namespace
{

constexpr int64_t SECOND_NS = 1'000'000'000;

struct Pair
{
    Pair()
    {
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0);
    }

    ~Pair()
    {
        Close(0);
        Close(1);
    }

    void Close(size_t end)
    {
        if (ends[end] != -1)
        {
            close(ends[end]);
            ends[end] = -1;
        }
    }

    std::array<int, 2> ends{-1, -1};
};

std::vector<uint8_t>
Counting(size_t numBytes)
{
    std::vector<uint8_t> bytes(numBytes);
    std::iota(bytes.begin(), bytes.end(), uint8_t{1});
    return bytes;
}

std::vector<uint8_t>
ToVector(Bytes bytes)
{
    return {bytes.begin(), bytes.end()};
}

Result
ReceiveSoon(ZmtpSocket& socket, ZmtpSocket::Part& part)
{
    return socket.Receive(part, NowNs() + 10 * SECOND_NS);
}

} // namespace

TEST_CASE("messages of any length arrive whole, in both directions, part by part")
{
    Pair pair;
    ZmtpSocket left(pair.ends[0]);
    ZmtpSocket right(pair.ends[1]);
    for (const size_t size : {0, 1, 255, 256, 4096, 20'000, 65'536})
    {
        CAPTURE(size);
        const auto first = Counting(size);
        const auto second = Counting(3);
        const std::array<Bytes, 2> parts{first, second};
        ZmtpSocket::Part part;
        REQUIRE(left.Send(parts));
        REQUIRE(ReceiveSoon(right, part) == Result::READY);
        CHECK(part.more);
        CHECK(ToVector(part.bytes) == first);
        REQUIRE(ReceiveSoon(right, part) == Result::READY);
        CHECK(!part.more);
        CHECK(ToVector(part.bytes) == second);
        REQUIRE(right.Send(std::array<Bytes, 1>{second}));
        REQUIRE(ReceiveSoon(left, part) == Result::READY);
        CHECK(ToVector(part.bytes) == second);
    }
}

TEST_CASE("what does not fit into the socket goes on while the sender waits for its answer")
{
    Pair pair;
    const auto large = Counting(5 << 20);
    std::thread echo(
        [&]
        {
            ZmtpSocket right(pair.ends[1]);
            for (int i = 0; i < 3; ++i)
            {
                ZmtpSocket::Part part;
                CHECK(ReceiveSoon(right, part) == Result::READY);
                const auto bytes = ToVector(part.bytes);
                CHECK(right.Send(std::array<Bytes, 1>{bytes}));
            }
            CHECK(right.Flush(NowNs() + 10 * SECOND_NS) == Result::READY);
        });
    ZmtpSocket left(pair.ends[0]);
    left.SetPatience({.spinNs = 1000, .yieldNs = 50'000});
    for (int i = 0; i < 3; ++i)
    {
        ZmtpSocket::Part part;
        REQUIRE(left.Send(std::array<Bytes, 1>{large}));
        REQUIRE(ReceiveSoon(left, part) == Result::READY);
        CHECK(ToVector(part.bytes) == large);
    }
    echo.join();
}

TEST_CASE("a wait ends at its deadline, keeps what has come, and ends when the peer is gone")
{
    Pair pair;
    ZmtpSocket left(pair.ends[0]);
    ZmtpSocket::Part part;
    CHECK(left.Receive(part, NowNs() + 1'000'000) == Result::TIMED_OUT); // nobody greets
    ZmtpSocket right(pair.ends[1]);
    CHECK(left.Receive(part, NowNs() + 1'000'000) == Result::TIMED_OUT);
    const std::string half = "\1\5he"; // the first part of two, and only the beginning of it
    REQUIRE(send(pair.ends[1], half.data(), half.size(), 0) == 4);
    CHECK(left.Receive(part, NowNs() + 1'000'000) == Result::TIMED_OUT);
    REQUIRE(send(pair.ends[1], "llo\0\1!", 6, 0) == 6);
    REQUIRE(ReceiveSoon(left, part) == Result::READY);
    CHECK(std::string(part.bytes.begin(), part.bytes.end()) == "hello");
    pair.Close(1);
    REQUIRE(ReceiveSoon(left, part) == Result::READY); // it was sent before
    CHECK(part.bytes.size() == 1);
    CHECK(ReceiveSoon(left, part) == Result::CLOSED);
    CHECK(!left.Send(std::array<Bytes, 1>{Bytes(part.bytes)}));
}

TEST_CASE("what is not ZMTP, or too large, is refused with what was found")
{
    const auto heard = [](const std::string& bytes)
    {
        Pair pair;
        ZmtpSocket left(pair.ends[0]);
        REQUIRE(send(pair.ends[1], bytes.data(), bytes.size(), 0) ==
                static_cast<ssize_t>(bytes.size()));
        ZmtpSocket::Part part;
        return ReceiveSoon(left, part);
    };
    std::string greeting(64, '\0');
    greeting[0] = '\xff';
    greeting[9] = '\x7f';
    greeting[10] = 3;
    greeting.replace(12, 4, "NULL");
    const std::string ready("\4\x1a\5READY\x0bSocket-Type\0\0\0\4PAIR", 28);
    CHECK(heard(greeting + ready + std::string("\0\1x", 3)) == Result::READY);
    CHECK_THROWS_WITH_AS(heard("GET / HTTP/1.1\r\n" + std::string(64, ' ')),
                         "the peer does not greet as ZMTP 3 does with mechanism NULL",
                         std::runtime_error);
    auto curve = greeting;
    curve.replace(12, 5, "CURVE");
    CHECK_THROWS_AS(heard(curve + ready), std::runtime_error);
    CHECK_THROWS_WITH_AS(heard(greeting + std::string("\4\6\5ERROR", 8)),
                         "the peer does not finish ZMTP's handshake",
                         std::runtime_error);
    CHECK_THROWS_WITH_AS(heard(greeting + ready + std::string("\2\0\0\0\1\0\0\0\0", 9)),
                         "a part of a message has 4294967296 bytes, expected at most 67108864",
                         std::runtime_error);
    CHECK(HearStream(reinterpret_cast<const uint8_t*>(greeting.data()), 40) == 0);
}
