// SPDX-License-Identifier: GPL-2.0-only
#include "exchange.h"

#include <Python.h>
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <new>
#include <poll.h>
#include <stdexcept>
#include <sys/mman.h>
#include <system_error>

namespace qntn
{

namespace
{

/// A wait keeps the interpreter's lock that long: giving it up and taking it back costs more than a
/// short wait, and other threads hardly notice.
constexpr int64_t LOCKED_WAIT_NS = 10'000;

[[noreturn]] void
ThrowSystemError(const char* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

Exchange::Exchange(uint32_t numEnvironments, size_t bytes, int64_t spinNs, int64_t yieldNs)
    : m_bytes(bytes), m_spinNs(spinNs), m_yieldNs(yieldNs), m_environments(numEnvironments)
{
    if (bytes < numEnvironments * SEATS * sizeof(ControlBlock))
    {
        throw std::invalid_argument("the memory is smaller than its control blocks");
    }
    m_file = memfd_create("qntn", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (m_file == -1 || ftruncate(m_file, static_cast<off_t>(bytes)) == -1 ||
        fcntl(m_file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1)
    {
        ThrowSystemError("memory file");
    }
    void* memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, m_file, 0);
    if (memory == MAP_FAILED)
    {
        ThrowSystemError("memory map");
    }
    m_memory = static_cast<uint8_t*>(memory);
    for (uint32_t i = 0; i < numEnvironments * SEATS; ++i)
    {
        new (m_memory + i * sizeof(ControlBlock)) ControlBlock{};
    }
}

Exchange::~Exchange()
{
    if (m_memory != nullptr)
    {
        munmap(m_memory, m_bytes);
    }
    CloseFile();
}

uint8_t*
Exchange::GetMemory() const
{
    return m_memory;
}

size_t
Exchange::GetBytes() const
{
    return m_bytes;
}

int
Exchange::GetDescriptor() const
{
    return m_file;
}

size_t
Exchange::OffsetOf(uint32_t environment, uint32_t seat) const
{
    if (environment >= m_environments.size())
    {
        throw std::out_of_range("no such environment");
    }
    return (environment * SEATS + seat) * sizeof(ControlBlock);
}

ControlBlock&
Exchange::At(uint32_t environment, uint32_t seat) const
{
    return *std::launder(reinterpret_cast<ControlBlock*>(m_memory + OffsetOf(environment, seat)));
}

size_t
Exchange::Prepare(uint32_t environment, int socket)
{
    const size_t offset = OffsetOf(environment, 0);
    const uint32_t seat = 1 - m_environments[environment].seat;
    ControlBlock& block = *new (m_memory + OffsetOf(environment, seat)) ControlBlock{};
    block.buffer = FIRST_STATE_BLOCK + seat;
    m_environments[environment].places[seat] = {socket, 0, {m_spinNs, m_yieldNs}};
    return offset + seat * sizeof(ControlBlock);
}

Outcome
Exchange::AwaitFirst(uint32_t environment, int64_t deadlineNs)
{
    OffsetOf(environment, 0);
    return Await(environment, 1 - m_environments[environment].seat, deadlineNs);
}

uint32_t
Exchange::Seat(uint32_t environment)
{
    OffsetOf(environment, 0);
    uint32_t& seat = m_environments[environment].seat;
    seat = 1 - seat;
    return FIRST_STATE_BLOCK + seat;
}

void
Exchange::Post(uint32_t buffer)
{
    for (uint32_t e = 0; e < m_environments.size(); ++e)
    {
        ControlBlock& block = At(e, m_environments[e].seat);
        block.command = 0; // STEP of qntn.proto
        block.buffer = buffer;
        const uint32_t sequence = block.actionSequence.load(std::memory_order_relaxed) + 1;
        Publish(block.actionSequence, sequence, block.simulatorSleeps);
    }
}

Outcome
Exchange::Await(int64_t deadlineNs, uint32_t& environment)
{
    for (environment = 0; environment < m_environments.size(); ++environment)
    {
        const auto outcome = Await(environment, m_environments[environment].seat, deadlineNs);
        if (outcome != Outcome::READY)
        {
            return outcome;
        }
    }
    return Outcome::READY;
}

Outcome
Exchange::Await(uint32_t environment, uint32_t seat, int64_t deadlineNs)
{
    ControlBlock& block = At(environment, seat);
    Place& place = m_environments[environment].places[seat];
    Outcome outcome = Outcome::READY;
    auto keepWaiting = [&](PyThreadState*& released)
    {
        pollfd peer{place.socket, POLLIN | POLLRDHUP, 0};
        if (place.socket != -1 && poll(&peer, 1, 0) != 0)
        {
            outcome = Outcome::SOCKET_EVENT;
        }
        else if (NowNs() >= deadlineNs)
        {
            outcome = Outcome::TIMED_OUT;
        }
        else
        {
            PyEval_RestoreThread(released);
            outcome = PyErr_CheckSignals() == 0 ? Outcome::READY : Outcome::INTERRUPTED;
            released = PyEval_SaveThread();
        }
        return outcome == Outcome::READY;
    };

    if (place.patience.StayAwake(
            [&] { return block.stateSequence.load(std::memory_order_acquire) != place.statesSeen; },
            LOCKED_WAIT_NS))
    {
        ++place.statesSeen;
        return Outcome::READY;
    }
    PyThreadState* released = PyEval_SaveThread();
    const bool changed = WaitForChange(block.stateSequence,
                                       place.statesSeen,
                                       block.pythonSleeps,
                                       place.patience,
                                       [&] { return keepWaiting(released); });
    PyEval_RestoreThread(released);
    if (changed && outcome != Outcome::INTERRUPTED)
    {
        ++place.statesSeen;
        return Outcome::READY;
    }
    return outcome;
}

void
Exchange::CloseFile()
{
    if (m_file != -1)
    {
        close(m_file);
        m_file = -1;
    }
}

uint32_t
Exchange::GetNumEnvironments() const
{
    return m_environments.size();
}

const ControlBlock&
Exchange::GetControl(uint32_t environment) const
{
    return At(environment, m_environments[environment].seat);
}

} // namespace qntn
