// SPDX-License-Identifier: GPL-2.0-only
#include "peer.h"

#include "bridge/wait.h"
#include "module.h"

#include <cerrno>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <poll.h>
#include <stdexcept>
#include <sys/mman.h>
#include <system_error>

namespace nb = nanobind;

namespace qntn
{

Peer::Peer(int file, size_t bytes, size_t control, int socket) : m_bytes(bytes), m_socket(socket)
{
    if (control > bytes || bytes - control < sizeof(ControlBlock) ||
        control % alignof(ControlBlock) != 0)
    {
        throw std::invalid_argument("the control block lies outside the memory file");
    }
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED)
    {
        throw std::system_error(errno, std::generic_category(), "memory map");
    }
    m_memory = static_cast<uint8_t*>(memory);
    m_control = reinterpret_cast<ControlBlock*>(m_memory + control);
    m_sequence = m_control->actionSequence.load();
}

Peer::~Peer()
{
    munmap(m_memory, m_bytes);
}

uint8_t*
Peer::GetMemory() const
{
    return m_memory;
}

size_t
Peer::GetBytes() const
{
    return m_bytes;
}

uint32_t
Peer::GetBuffer() const
{
    return m_control->buffer % STATE_BLOCKS;
}

void
Peer::Publish(uint32_t status, int64_t timeNs)
{
    m_control->status = static_cast<EpisodeStatus>(status);
    m_control->timeNs = timeNs;
    const uint32_t sequence = m_control->stateSequence.load(std::memory_order_relaxed) + 1;
    qntn::Publish(m_control->stateSequence, sequence, m_control->pythonSleeps);
}

std::optional<std::pair<uint32_t, uint32_t>>
Peer::Await()
{
    const nb::gil_scoped_release released;
    Patience patience; // it shares a process with Python: it sleeps
    const bool answered = WaitForChange(m_control->actionSequence,
                                        m_sequence,
                                        m_control->simulatorSleeps,
                                        patience,
                                        [this]
                                        {
                                            pollfd python{m_socket, POLLRDHUP, 0};
                                            return poll(&python, 1, 0) == 0;
                                        });
    if (!answered)
    {
        return std::nullopt;
    }
    m_sequence = m_control->actionSequence.load(std::memory_order_acquire);
    return std::pair{m_control->command, m_control->buffer % STATE_BLOCKS};
}

void
BindPeer(nb::module_& module)
{
    nb::class_<Peer>(module, "Peer")
        .def(nb::init<int, size_t, size_t, int>(),
             nb::arg("descriptor"),
             nb::arg("num_bytes"),
             nb::arg("control"),
             nb::arg("socket"))
        .def_prop_ro("memory",
                     [](nb::handle self)
                     {
                         auto& peer = nb::cast<Peer&>(self);
                         return nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(peer.GetMemory(),
                                                                             {peer.GetBytes()},
                                                                             self);
                     })
        .def_prop_ro("buffer", &Peer::GetBuffer)
        .def("publish", &Peer::Publish, nb::arg("status"), nb::arg("time_ns"))
        .def("wait", &Peer::Await);
}

} // namespace qntn
