// SPDX-License-Identifier: GPL-2.0-only
//
// Messages to a simulator that Python started, on the socket that both hold.
#include "bridge/zmtp-socket.h"
#include "module.h"

#include <array>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/vector.h>
#include <stdexcept>

namespace nb = nanobind;

namespace qntn
{

namespace
{

/// The peer is gone, and all that it sent has been read.
struct Closed
{
};

/// A message's first part, and its second or None.
using Message = std::pair<nb::bytes, std::optional<nb::bytes>>;

/// Waits for a part, without the GIL; signal handlers run.
/// \return false when the deadline has passed
bool
ReceivePart(ZmtpSocket& socket, ZmtpSocket::Part& part, int64_t deadlineNs)
{
    while (true)
    {
        ZmtpSocket::Result result;
        {
            const nb::gil_scoped_release released;
            result = socket.Receive(part, deadlineNs);
        }
        switch (result)
        {
        case ZmtpSocket::Result::READY:
            return true;
        case ZmtpSocket::Result::TIMED_OUT:
            return false;
        case ZmtpSocket::Result::CLOSED:
            throw Closed();
        case ZmtpSocket::Result::INTERRUPTED:
            if (PyErr_CheckSignals() != 0)
            {
                throw nb::python_error();
            }
        }
    }
}

nb::bytes
ToPython(Bytes bytes)
{
    return nb::bytes(bytes.data(), bytes.size());
}

/// Python's end of a link.
class MessageSocket
{
  public:
    explicit MessageSocket(int fd) : m_socket(fd)
    {
    }

    void SetPatience(int64_t spinNs, int64_t yieldNs)
    {
        m_socket.SetPatience({spinNs, yieldNs});
    }

    void Send(const std::vector<nb::bytes>& parts)
    {
        std::vector<Bytes> views;
        for (const auto& part : parts)
        {
            views.emplace_back(reinterpret_cast<const uint8_t*>(part.c_str()), part.size());
        }
        if (!m_socket.Send(views))
        {
            throw Closed();
        }
    }

    /// What has come of a message before a deadline is kept for the next call.
    std::optional<Message> Receive(double timeoutS)
    {
        const int64_t deadline = NowNs() + static_cast<int64_t>(timeoutS * 1e9);
        ZmtpSocket::Part part;
        if (!m_first.has_value())
        {
            if (!ReceivePart(m_socket, part, deadline))
            {
                return std::nullopt;
            }
            if (!part.more)
            {
                return Message{ToPython(part.bytes), std::nullopt};
            }
            m_first = ToPython(part.bytes);
        }
        if (!ReceivePart(m_socket, part, deadline))
        {
            return std::nullopt;
        }
        if (part.more)
        {
            throw std::runtime_error("a message has more parts than one for its block");
        }
        Message message{std::move(*m_first), ToPython(part.bytes)};
        m_first.reset();
        return message;
    }

  private:
    ZmtpSocket m_socket;
    std::optional<nb::bytes> m_first; ///< of a message whose second part has not come yet
};

} // namespace

void
BindZmtp(nb::module_& module)
{
    nb::register_exception_translator(
        [](const std::exception_ptr& exception, void*)
        {
            try
            {
                std::rethrow_exception(exception);
            }
            catch (const Closed&)
            {
                PyErr_SetString(PyExc_EOFError, "the peer is gone");
            }
        });
    nb::class_<MessageSocket>(module, "MessageSocket")
        .def(nb::init<int>(), nb::arg("descriptor"))
        .def("set_patience", &MessageSocket::SetPatience, nb::arg("spin_ns"), nb::arg("yield_ns"))
        .def("send", &MessageSocket::Send, nb::arg("parts"))
        .def("receive", &MessageSocket::Receive, nb::arg("timeout_s"));
}

} // namespace qntn
