// SPDX-License-Identifier: GPL-2.0-only
#include "guest-segment.h"

#include "bridge/wait.h"

#include <Python.h>
#include <algorithm>
#include <array>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/vector.hpp>
#include <cstring>
#include <new>
#include <poll.h>

namespace qntn
{

namespace ipc = boost::interprocess;

namespace
{

bool
TryTake(uint8_t& counter)
{
    std::atomic_ref<uint8_t> count(counter);
    uint8_t seen = count.load(std::memory_order_acquire);
    while (seen != 0)
    {
        if (count.compare_exchange_weak(seen, static_cast<uint8_t>(seen - 1)))
        {
            return true;
        }
    }
    return false;
}

void
Give(uint8_t& counter)
{
    std::atomic_ref<uint8_t>(counter).fetch_add(1, std::memory_order_release);
}

ipc::managed_shared_memory
Create(const std::string& name, size_t bytes)
{
    try
    {
        return {ipc::create_only, name.c_str(), bytes};
    }
    catch (const ipc::interprocess_exception& error)
    {
        throw GuestFault("segment \"" + name + "\" of " + std::to_string(bytes) +
                         " bytes cannot be made: " + error.what());
    }
}

} // namespace

GuestSegment::GuestSegment(const std::string& name,
                           size_t bytes,
                           bool vectors,
                           const GuestMessage& fromCpp,
                           const GuestMessage& fromPython,
                           const std::string& lockable)
    : m_segment(Create(name, bytes)), m_vectors(vectors)
{
    using Bytes =
        ipc::vector<uint8_t, ipc::allocator<uint8_t, ipc::managed_shared_memory::segment_manager>>;
    static_assert(sizeof(RawVector) == sizeof(Bytes) && alignof(RawVector) == alignof(Bytes));
    try
    {
        m_fromCpp = Construct(fromCpp);
        m_fromPython = Construct(fromPython);
        m_lockable = m_segment.construct<Lockable>(lockable.c_str())();
    }
    catch (const ipc::interprocess_exception& error)
    {
        ipc::shared_memory_object::remove(name.c_str());
        throw GuestFault("the messages do not fit into segment \"" + name + "\" of " +
                         std::to_string(bytes) + " bytes (" + error.what() +
                         "); give it the size that the simulation expects");
    }
}

template <size_t Alignment>
uint8_t*
GuestSegment::ConstructAligned(const std::string& name, size_t bytes)
{
    struct alignas(Alignment) Unit
    {
        std::array<uint8_t, Alignment> bytes{};
    };

    return reinterpret_cast<uint8_t*>(m_segment.construct<Unit>(name.c_str())[bytes / Alignment]());
}

uint8_t*
GuestSegment::ConstructStruct(const std::string& name, size_t bytes)
{
    // A struct's size is a multiple of its alignment, which is all that is known of it here.
    switch (bytes % 16 == 0 ? 16 : bytes & -bytes)
    {
    case 16:
        return ConstructAligned<16>(name, bytes);
    case 8:
        return ConstructAligned<8>(name, bytes);
    case 4:
        return ConstructAligned<4>(name, bytes);
    case 2:
        return ConstructAligned<2>(name, bytes);
    default:
        return ConstructAligned<1>(name, bytes);
    }
}

GuestSegment::Place
GuestSegment::Construct(const GuestMessage& message)
{
    if (!m_vectors)
    {
        return {message, ConstructStruct(message.name, message.itemBytes)};
    }
    auto* vector = m_segment.construct<RawVector>(message.name.c_str())();
    vector->manager = m_segment.get_segment_manager();
    vector->start = nullptr;
    vector->size = 0;
    vector->capacity = 0;
    if (message.numItems != 0)
    {
        const size_t bytes = message.numItems * message.itemBytes;
        vector->start = static_cast<uint8_t*>(m_segment.allocate(bytes));
        std::memset(vector->start.get(), 0, bytes);
        vector->size = vector->capacity = message.numItems;
    }
    return {message, reinterpret_cast<uint8_t*>(vector)};
}

GuestSegment::Outcome
GuestSegment::Acquire(uint8_t& counter, int socket, int64_t deadlineNs, int64_t spinNs)
{
    constexpr uint32_t PAUSES_PER_LOOK_AT_CLOCK = 32;
    constexpr int64_t SHORTEST_NAP_NS = 1'000;
    constexpr int64_t LONGEST_NAP_NS = 500'000;
    constexpr int64_t LOOK_AT_SIGNALS_NS = 20'000'000;
    if (TryTake(counter))
    {
        return Outcome::READY;
    }
    Outcome outcome = Outcome::READY;
    PyThreadState* released = PyEval_SaveThread();
    const int64_t start = NowNs();
    int64_t lookAtSignals = start + LOOK_AT_SIGNALS_NS;
    int64_t nap = SHORTEST_NAP_NS;
    while (!TryTake(counter))
    {
        const int64_t now = NowNs();
        if (now >= deadlineNs)
        {
            outcome = Outcome::TIMED_OUT;
            break;
        }
        if (now - start < spinNs)
        {
            for (uint32_t i = 0; i < PAUSES_PER_LOOK_AT_CLOCK; ++i)
            {
                if (std::atomic_ref<uint8_t>(counter).load(std::memory_order_relaxed) != 0)
                {
                    break;
                }
                __builtin_ia32_pause();
            }
            continue;
        }
        pollfd peer{socket, POLLIN | POLLRDHUP, 0};
        const timespec pause{0, std::min(nap, deadlineNs - now)};
        if (ppoll(&peer, socket == -1 ? 0 : 1, &pause, nullptr) > 0)
        {
            // What was handed over before the end still counts.
            outcome = TryTake(counter) ? Outcome::READY : Outcome::SOCKET_EVENT;
            break;
        }
        nap = std::min(nap * 2, LONGEST_NAP_NS);
        if (now >= lookAtSignals)
        {
            lookAtSignals = now + LOOK_AT_SIGNALS_NS;
            PyEval_RestoreThread(released);
            const bool raised = PyErr_CheckSignals() != 0;
            released = PyEval_SaveThread();
            if (raised)
            {
                outcome = Outcome::INTERRUPTED;
                break;
            }
        }
    }
    PyEval_RestoreThread(released);
    return outcome;
}

GuestSegment::Outcome
GuestSegment::WaitForMessage(int socket, int64_t deadlineNs, int64_t spinNs)
{
    return Acquire(m_lockable->cppFull, socket, deadlineNs, spinNs);
}

GuestSegment::Outcome
GuestSegment::WaitForRoom(int socket, int64_t deadlineNs, int64_t spinNs)
{
    return Acquire(m_lockable->pythonFree, socket, deadlineNs, spinNs);
}

uint8_t*
GuestSegment::Items(const Place& place, size_t numItems) const
{
    const auto* vector = reinterpret_cast<const RawVector*>(place.object);
    if (numItems == 0)
    {
        return nullptr;
    }
    const auto begin = reinterpret_cast<uintptr_t>(m_segment.get_address());
    const auto start = reinterpret_cast<uintptr_t>(vector->start.get());
    const size_t segmentBytes = m_segment.get_size();
    const size_t offset = start - begin;
    if (start < begin || offset > segmentBytes ||
        numItems > (segmentBytes - offset) / place.message.itemBytes)
    {
        throw GuestFault("vector \"" + place.message.name + "\" of " + std::to_string(numItems) +
                         " items of " + std::to_string(place.message.itemBytes) +
                         " bytes does not lie in its segment of " + std::to_string(segmentBytes) +
                         " bytes; compare the dtype with the simulation's struct");
    }
    return reinterpret_cast<uint8_t*>(start);
}

std::vector<uint8_t>
GuestSegment::Read() const
{
    const auto& place = m_fromCpp;
    if (!m_vectors)
    {
        return {place.object, place.object + place.message.itemBytes};
    }
    const size_t numItems = reinterpret_cast<const volatile RawVector*>(place.object)->size;
    const uint8_t* items = Items(place, numItems);
    return {items, items + numItems * place.message.itemBytes};
}

void
GuestSegment::Release()
{
    Give(m_lockable->cppFree);
}

void
GuestSegment::Write(const uint8_t* data, size_t bytes)
{
    const auto& place = m_fromPython;
    if (!m_vectors)
    {
        if (bytes != place.message.itemBytes)
        {
            Give(m_lockable->pythonFree);
            throw GuestFault("message of " + std::to_string(bytes) + " bytes, expected " +
                             std::to_string(place.message.itemBytes));
        }
        std::memcpy(place.object, data, bytes);
    }
    else
    {
        try
        {
            auto* vector = reinterpret_cast<RawVector*>(place.object);
            const size_t numItems = bytes / place.message.itemBytes;
            const size_t capacity = vector->capacity;
            if (numItems > capacity)
            {
                throw GuestFault("vector \"" + place.message.name + "\" has room for " +
                                 std::to_string(capacity) + " items, not for " +
                                 std::to_string(numItems) + "; start it with more");
            }
            if (numItems != 0)
            {
                std::memcpy(Items(place, numItems), data, bytes);
            }
            vector->size = numItems;
        }
        catch (const GuestFault&)
        {
            Give(m_lockable->pythonFree);
            throw;
        }
    }
    Give(m_lockable->pythonFull);
}

bool
GuestSegment::IsFinished() const
{
    return std::atomic_ref<uint8_t>(m_lockable->finished).load(std::memory_order_acquire) != 0;
}

} // namespace qntn
