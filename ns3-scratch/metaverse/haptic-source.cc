// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/haptic-source.h"

#include "ns3/double.h"
#include "ns3/uinteger.h"

#include <cmath>

using namespace ns3;

namespace qntn
{

NS_OBJECT_ENSURE_REGISTERED(HapticSource);

TypeId
HapticSource::GetTypeId()
{
    static TypeId tid = TypeId("qntn::HapticSource")
                            .SetParent<TrafficSource>()
                            .SetGroupName("Metaverse")
                            .AddConstructor<HapticSource>()
                            .AddAttribute("Shape",
                                          "Of the Pareto distribution of sizes.",
                                          DoubleValue(7),
                                          MakeDoubleAccessor(&HapticSource::m_shape),
                                          MakeDoubleChecker<double>(1.01, 100))
                            .AddAttribute("LeastBits",
                                          "Smallest sample, the distribution's scale.",
                                          UintegerValue(504),
                                          MakeUintegerAccessor(&HapticSource::m_leastBits),
                                          MakeUintegerChecker<uint32_t>(8, 100'000))
                            .AddAttribute("MostBits",
                                          "Largest sample; the distribution is cut there.",
                                          UintegerValue(1736),
                                          MakeUintegerAccessor(&HapticSource::m_mostBits),
                                          MakeUintegerChecker<uint32_t>(8, 100'000))
                            .AddAttribute("MeanGap",
                                          "Mean time between two samples: 1 / 0.015 ms.",
                                          TimeValue(MicroSeconds(66'667)),
                                          MakeTimeAccessor(&HapticSource::m_meanGap),
                                          MakeTimeChecker(MicroSeconds(1)));
    return tid;
}

HapticSource::HapticSource()
    : m_gap(CreateObject<ExponentialRandomVariable>()),
      m_size(CreateObject<UniformRandomVariable>())
{
}

double
HapticSource::GetNominalRateBps() const
{
    // mean of the Pareto distribution between its bounds
    const double ratio = static_cast<double>(m_leastBits) / m_mostBits;
    const double mean_bits = m_leastBits * m_shape / (m_shape - 1) *
                             (1 - std::pow(ratio, m_shape - 1)) / (1 - std::pow(ratio, m_shape));
    return mean_bits / m_meanGap.GetSeconds();
}

int64_t
HapticSource::AssignStreams(int64_t stream)
{
    m_gap->SetStream(stream);
    m_size->SetStream(stream + 1);
    return 2;
}

Time
HapticSource::DrawArrival(Time now)
{
    return now + Seconds(m_gap->GetValue(m_meanGap.GetSeconds(), 0));
}

uint32_t
HapticSource::DrawBytes()
{
    NS_ABORT_MSG_IF(m_mostBits < m_leastBits,
                    "HapticSource: MostBits " << m_mostBits << " is below LeastBits "
                                              << m_leastBits);
    const double cut = std::pow(static_cast<double>(m_leastBits) / m_mostBits, m_shape);
    const double tail = 1 - m_size->GetValue(0, 1) * (1 - cut);
    const double bits = m_leastBits / std::pow(tail, 1 / m_shape);
    return static_cast<uint32_t>(std::lround(bits / 8));
}

} // namespace qntn
