// SPDX-License-Identifier: GPL-2.0-only
#pragma once
#include <atomic>
#include <boost/interprocess/allocators/allocator.hpp>
#include <boost/interprocess/containers/vector.hpp>
#include <boost/interprocess/managed_shared_memory.hpp>
#include <cstdint>

namespace ipc = boost::interprocess;
template <typename T>
using SharedVector = ipc::vector<T, ipc::allocator<T, ipc::managed_shared_memory::segment_manager>>;

struct Counters
{
    uint8_t cppFree;
    uint8_t cppFull;
    uint8_t pythonFree;
    uint8_t pythonFull;
    bool finished;
};

inline void
Take(uint8_t& counter)
{
    std::atomic_ref<uint8_t> count(counter);
    while (true)
    {
        uint8_t seen = count.load();
        if (seen != 0 && count.compare_exchange_strong(seen, static_cast<uint8_t>(seen - 1)))
        {
            return;
        }
    }
}

inline void
Give(uint8_t& counter)
{
    std::atomic_ref<uint8_t>(counter).fetch_add(1);
}
