// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_RAN_SLOT_PROFILE_H
#define QNTN_RAN_SLOT_PROFILE_H

#include <array>
#include <chrono>
#include <cstdint>

namespace qntn
{

/// Where the time of a slot goes.
enum class SlotPart : uint8_t
{
    MOBILITY,   ///< path loss, line of sight, shadowing, choice of cells
    FADING,     ///< of serving links
    REPORTS,    ///< channel reports
    DISCARD,    ///< of late packets
    SCHEDULING, ///< candidates and grants
    BLOCKS,     ///< cutting packets, SINR, decoding, HARQ
    OTHER,      ///< averages, account checks
};

inline constexpr size_t NUM_SLOT_PARTS = 7;

/// Adds up the wall-clock time of each part of the slots, in two reads of the clock a part; off, it
/// costs a branch.
class SlotProfile
{
  public:
    void Enable()
    {
        m_enabled = true;
    }

    /// The parts that follow begin now.
    void Begin()
    {
        if (m_enabled)
        {
            m_last = std::chrono::steady_clock::now();
        }
    }

    /// What ran since Begin or the last End was \p part.
    void End(SlotPart part)
    {
        if (m_enabled)
        {
            const auto now = std::chrono::steady_clock::now();
            m_seconds[static_cast<size_t>(part)] +=
                std::chrono::duration<double>(now - m_last).count();
            m_last = now;
        }
    }

    const std::array<double, NUM_SLOT_PARTS>& GetSeconds() const
    {
        return m_seconds;
    }

  private:
    bool m_enabled{false};
    std::chrono::steady_clock::time_point m_last;
    std::array<double, NUM_SLOT_PARTS> m_seconds{};
};

} // namespace qntn

#endif // QNTN_RAN_SLOT_PROFILE_H
