// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_PYBRIDGE_GUEST_SEGMENT_H
#define QNTN_PYBRIDGE_GUEST_SEGMENT_H

#include <boost/interprocess/managed_shared_memory.hpp>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace qntn
{

/// The memory holds what its peer cannot have meant, or too little of it.
struct GuestFault : std::runtime_error
{
    using std::runtime_error::runtime_error;
};

/// One direction of a guest segment.
struct GuestMessage
{
    std::string name;
    size_t itemBytes;
    size_t numItems; ///< of a vector at the start; of a struct 1
};

/// Python's side of a Boost.Interprocess segment that a simulation written for ns3-ai opens.
///
/// Each direction is one struct, or one vector of structs, beside a block of four counters and a
/// flag. Sizes and places in the segment are the peer's to change, so they are checked at each use.
class GuestSegment
{
  public:
    enum class Outcome : uint8_t
    {
        READY,
        TIMED_OUT,
        SOCKET_EVENT,
        INTERRUPTED,
    };

    /// \throws GuestFault if the segment exists or is too small
    GuestSegment(const std::string& name,
                 size_t bytes,
                 bool vectors,
                 const GuestMessage& fromCpp,
                 const GuestMessage& fromPython,
                 const std::string& lockable);

    /// Waits for a message; it is ours until Release.
    Outcome WaitForMessage(int socket, int64_t deadlineNs, int64_t spinNs);
    /// Waits until a message may be written; READY is followed by Write.
    Outcome WaitForRoom(int socket, int64_t deadlineNs, int64_t spinNs);

    /// The message that WaitForMessage found.
    /// \throws GuestFault if it does not lie in the segment
    std::vector<uint8_t> Read() const;
    void Release();
    /// Writes a message and hands it over.
    /// \throws GuestFault if the segment has no room for it; nothing is handed over
    void Write(const uint8_t* data, size_t bytes);

    bool IsFinished() const;

  private:
    /// As the simulation's header lays it out.
    struct Lockable
    {
        uint8_t cppFree{1};
        uint8_t cppFull{0};
        uint8_t pythonFree{1};
        uint8_t pythonFull{0};
        uint8_t finished{0};
    };

    /// A vector of Boost.Container with a stateful allocator, whatever its items are.
    struct RawVector
    {
        using Manager = boost::interprocess::managed_shared_memory::segment_manager;
        boost::interprocess::offset_ptr<Manager> manager;
        boost::interprocess::offset_ptr<uint8_t> start;
        size_t size;
        size_t capacity;
    };

    struct Place
    {
        GuestMessage message;
        uint8_t* object{nullptr}; ///< the struct, or the RawVector
    };

    template <size_t Alignment>
    uint8_t* ConstructAligned(const std::string& name, size_t bytes);
    uint8_t* ConstructStruct(const std::string& name, size_t bytes);
    Place Construct(const GuestMessage& message);
    Outcome Acquire(uint8_t& counter, int socket, int64_t deadlineNs, int64_t spinNs);
    uint8_t* Items(const Place& place, size_t numItems) const;

    boost::interprocess::managed_shared_memory m_segment;
    bool m_vectors;
    Place m_fromCpp;
    Place m_fromPython;
    Lockable* m_lockable;
};

} // namespace qntn

#endif // QNTN_PYBRIDGE_GUEST_SEGMENT_H
