// SPDX-License-Identifier: GPL-2.0-only
#include "bridge/transport.h"

#include "bridge/fake-agent.h"
#include "bridge/message-transport.h"
#include "bridge/shm-transport.h"
#include "bridge/zmq-link.h"
#include "bridge/zmtp-link.h"

#include <charconv>
#include <csignal>
#include <cstddef>
#include <fcntl.h>
#include <iostream>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace qntn
{

namespace
{

constexpr int EXIT_USAGE = 64;
constexpr int EXIT_PYTHON_GONE = 75;

int g_lifeline = -1; // read by the signal handler only

void
OnSocketEvent(int)
{
    pollfd lifeline{g_lifeline, POLLRDHUP, 0};
    if (poll(&lifeline, 1, 0) == 1 && (lifeline.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0)
    {
        EndBecausePythonIsGone();
    }
}

[[noreturn]] void
RefuseArguments(const std::string& problem)
{
    EndWithUsage(
        problem,
        "This is a qntn scenario program: it is one half of a co-simulation and is started "
        "by the other.\nRun it with `qntn run`, or from Python with pybridge.make.");
}

int
ToDescriptor(const std::string& option, const std::string& text)
{
    int fd = -1;
    const auto end = text.data() + text.size();
    if (std::from_chars(text.data(), end, fd).ptr != end || fcntl(fd, F_GETFD) == -1)
    {
        RefuseArguments(option + ": expected an open file descriptor, found '" + text + "'");
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

/// Connects to the abstract unix socket on which Python waits for a simulator that a user starts.
int
ConnectTo(const std::string& name)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (name.size() + 1 > sizeof(address.sun_path))
    {
        RefuseArguments("--qntn-attach: the name '" + name + "' is too long");
    }
    name.copy(address.sun_path + 1, name.size());
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd == -1 || connect(fd, reinterpret_cast<sockaddr*>(&address), length) == -1)
    {
        RefuseArguments("--qntn-attach: no Python waits for '" + name + "'");
    }
    return fd;
}

} // namespace

void
EndBecausePythonIsGone()
{
    std::_Exit(EXIT_PYTHON_GONE);
}

void
EndWithUsage(const std::string& problem, const std::string& usage)
{
    std::cerr << problem << '\n' << usage << '\n';
    std::_Exit(EXIT_USAGE);
}

void
EndWithPeerOf(int fd)
{
    g_lifeline = fd;
    struct sigaction action{};
    action.sa_handler = OnSocketEvent;
    action.sa_flags = SA_RESTART;
    sigaction(SIGIO, &action, nullptr);
    fcntl(fd, F_SETOWN, getpid());
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_ASYNC);
    OnSocketEvent(SIGIO); // it may have closed before
}

void
Fail(Transport& transport, const std::string& kind, const std::string& message)
{
    std::cerr << message << std::endl;
    wire::Control control;
    control.mutable_fault()->set_kind(kind);
    control.mutable_fault()->set_message(message);
    transport.Send(control);
    transport.Flush();
    std::_Exit(EXIT_FAILURE);
}

std::unique_ptr<Transport>
MakeTransport(int argc, char* argv[])
{
    if (auto fake = MakeFakeAgent(argc, argv))
    {
        return fake;
    }
    std::string control;
    std::string messages;
    std::string endpoint;
    std::string lifeline;
    std::string keys;
    std::string attach;
    for (int i = 1; i < argc; ++i)
    {
        const std::string argument = argv[i];
        const auto equals = argument.find('=');
        const auto name = argument.substr(0, equals);
        const auto value = equals == std::string::npos ? "" : argument.substr(equals + 1);
        if (name == "--qntn-control")
        {
            control = value;
        }
        else if (name == "--qntn-messages")
        {
            messages = value;
        }
        else if (name == "--qntn-connect")
        {
            endpoint = value;
        }
        else if (name == "--qntn-lifeline")
        {
            lifeline = value;
        }
        else if (name == "--qntn-keys")
        {
            keys = value;
        }
        else if (name == "--qntn-attach")
        {
            attach = value;
        }
        else
        {
            RefuseArguments("unknown argument '" + argument + "'");
        }
    }

    if (!control.empty())
    {
        return std::make_unique<ShmTransport>(ToDescriptor("--qntn-control", control));
    }
    if (!messages.empty())
    {
        EndWithPeerOf(ToDescriptor("--qntn-lifeline", lifeline));
        return std::make_unique<MessageTransport>(
            std::make_unique<ZmtpLink>(ToDescriptor("--qntn-messages", messages)));
    }
    if (!endpoint.empty())
    {
        return std::make_unique<MessageTransport>(std::make_unique<ZmqLink>(endpoint, keys));
    }
    if (!attach.empty())
    {
        return std::make_unique<ShmTransport>(ConnectTo(attach));
    }
    RefuseArguments("no connection to Python was given");
}

} // namespace qntn
