// SPDX-License-Identifier: GPL-2.0-only
#include "exchange.h"

#include "bridge/wait.h"

#include <Python.h>
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

[[noreturn]] void
ThrowSystemError(const char* what)
{
    throw std::system_error(errno, std::generic_category(), what);
}

} // namespace

Exchange::Exchange(uint32_t numEnvironments, size_t bytes)
    : m_bytes(bytes), m_places(numEnvironments)
{
    if (bytes < numEnvironments * sizeof(ControlBlock))
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
    for (uint32_t e = 0; e < numEnvironments; ++e)
    {
        new (m_memory + e * sizeof(ControlBlock)) ControlBlock{};
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

ControlBlock&
Exchange::At(uint32_t environment) const
{
    if (environment >= m_places.size())
    {
        throw std::out_of_range("no such environment");
    }
    return *std::launder(
        reinterpret_cast<ControlBlock*>(m_memory + environment * sizeof(ControlBlock)));
}

void
Exchange::Seat(uint32_t environment, int socket, uint32_t buffer)
{
    ControlBlock& block = *new (&At(environment)) ControlBlock{};
    block.buffer = buffer;
    m_places[environment] = {socket, 0};
}

void
Exchange::Post(uint32_t environment, uint32_t command, uint32_t buffer)
{
    ControlBlock& block = At(environment);
    block.command = command;
    block.buffer = buffer;
    const uint32_t sequence = block.actionSequence.load(std::memory_order_relaxed) + 1;
    Publish(block.actionSequence, sequence, block.simulatorSleeps);
}

Outcome
Exchange::Wait(uint32_t environment, int64_t deadlineNs, int64_t spinNs)
{
    ControlBlock& block = At(environment);
    Place& place = m_places[environment];
    Outcome outcome = Outcome::READY;
    PyThreadState* released = PyEval_SaveThread();
    const bool changed = WaitForChange(block.stateSequence,
                                       place.statesSeen,
                                       block.pythonSleeps,
                                       spinNs,
                                       [&]
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
                                               outcome = PyErr_CheckSignals() == 0
                                                             ? Outcome::READY
                                                             : Outcome::INTERRUPTED;
                                               released = PyEval_SaveThread();
                                           }
                                           return outcome == Outcome::READY;
                                       });
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
Exchange::GetStatus(uint32_t environment) const
{
    return At(environment).status;
}

int64_t
Exchange::GetTimeNs(uint32_t environment) const
{
    return At(environment).timeNs;
}

} // namespace qntn
