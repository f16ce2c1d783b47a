// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_BRIDGE_TRANSPORT_H
#define QNTN_BRIDGE_TRANSPORT_H

#include "qntn.pb.h"

#include <cstdint>
#include <memory>
#include <string>

namespace qntn
{

/// How a simulator reaches Python: control messages first, then one exchange a step.
///
/// Whatever way it takes, a transport ends the process when Python is gone.
class Transport
{
  public:
    /// What Python answered to a state.
    struct Answer
    {
        wire::Command command;
        uint32_t buffer; ///< where the next state is to be written
    };

    virtual ~Transport() = default;

    virtual void Send(const wire::Control& message) = 0;
    virtual wire::Control Receive() = 0;
    /// Delivers what is still queued; nothing can be sent after.
    virtual void Flush() = 0;

    /// Takes the arrays that Python laid out.
    /// \return the state block to begin with
    virtual uint32_t Open(const wire::Start& start) = 0;
    virtual uint8_t* GetStateBlock(uint32_t buffer) = 0;
    virtual const uint8_t* GetActionBlock() const = 0;

    /// Hands the present state over; does not wait.
    virtual void Publish(wire::Status status, int64_t timeNs) = 0;
    /// Waits for the answer to the state published last.
    virtual Answer Await() = 0;
};

/// The transport that the command line asks for: `--qntn-control=FD` (shared memory, control
/// messages on an inherited socket), `--qntn-messages=FD --qntn-lifeline=FD` (messages alone, on
/// one inherited socket; the other closes when Python ends), `--qntn-connect=ENDPOINT
/// --qntn-keys=FOLDER` (messages to another machine), `--qntn-attach=NAME` (to a Python that waits
/// for it), or `--qntn-fake=POLICY` (no Python: see FakeAgent).
std::unique_ptr<Transport> MakeTransport(int argc, char* argv[]);

/// Ends the process by SIGIO when the peer of socket \p fd closes it, whatever the simulator is
/// doing.
void EndWithPeerOf(int fd);

/// Says on stderr what is wrong with the command line and what was expected, and ends the process.
[[noreturn]] void EndWithUsage(const std::string& problem, const std::string& usage);

/// Tells Python and stderr why, and ends the process.
[[noreturn]] void Fail(Transport& transport, const std::string& kind, const std::string& message);

/// Ends the process without Python's knowledge: it is gone.
[[noreturn]] void EndBecausePythonIsGone();

} // namespace qntn

#endif // QNTN_BRIDGE_TRANSPORT_H
