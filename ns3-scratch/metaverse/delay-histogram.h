// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_METAVERSE_DELAY_HISTOGRAM_H
#define QNTN_METAVERSE_DELAY_HISTOGRAM_H

#include <cstdint>
#include <vector>

namespace qntn
{

/// Counts delays in logarithmic bins from 10 us to 100 s and tells their percentiles within 1.2 %.
class DelayHistogram
{
  public:
    DelayHistogram();

    void Add(double delayS);
    void Clear();
    uint64_t GetCount() const;
    /// The delay that a part \p ratio of all stay below; 0 if there are none.
    /// \param ratio in 0..1
    double GetQuantileS(double ratio) const;

  private:
    std::vector<uint32_t> m_bins;
    uint64_t m_count{0};
};

} // namespace qntn

#endif // QNTN_METAVERSE_DELAY_HISTOGRAM_H
