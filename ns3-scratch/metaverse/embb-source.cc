// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/embb-source.h"

#include "ns3/double.h"
#include "ns3/uinteger.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

namespace
{
/// Thinner than this a Poisson process is as good as stopped.
constexpr double MIN_RATIO = 1e-3;
} // namespace

NS_OBJECT_ENSURE_REGISTERED(EmbbSource);

TypeId
EmbbSource::GetTypeId()
{
    static TypeId tid =
        TypeId("qntn::EmbbSource")
            .SetParent<TrafficSource>()
            .SetGroupName("Metaverse")
            .AddConstructor<EmbbSource>()
            .AddAttribute("Rate",
                          "Mean rate at full admission and a load of 1, bits a second.",
                          DoubleValue(4e6),
                          MakeDoubleAccessor(&EmbbSource::m_rate_bps),
                          MakeDoubleChecker<double>(1, 1e9))
            .AddAttribute("FileBytes",
                          "Size of a file.",
                          UintegerValue(100000),
                          MakeUintegerAccessor(&EmbbSource::m_fileBytes),
                          MakeUintegerChecker<uint32_t>(1, 100000000));
    return tid;
}

EmbbSource::EmbbSource() : m_gap(CreateObject<ExponentialRandomVariable>())
{
}

void
EmbbSource::SetLoad(double ratio)
{
    NS_ABORT_MSG_IF(ratio < 0, "EmbbSource: load " << ratio << " is negative");
    m_load = ratio;
}

void
EmbbSource::SetAdmission(double ratio)
{
    m_admission = std::clamp(ratio, 0.0, 1.0);
}

double
EmbbSource::GetQuality() const
{
    return m_admission;
}

double
EmbbSource::GetNominalRateBps() const
{
    return m_rate_bps * m_load;
}

int64_t
EmbbSource::AssignStreams(int64_t stream)
{
    m_gap->SetStream(stream);
    return 1;
}

Time
EmbbSource::DrawArrival(Time now)
{
    // A Poisson process of which a random part is refused is a slower Poisson process.
    const double rate_bps = m_rate_bps * std::max(MIN_RATIO, m_load * m_admission);
    return now + Seconds(m_gap->GetValue(8.0 * m_fileBytes / rate_bps, 0));
}

uint32_t
EmbbSource::DrawBytes()
{
    return m_fileBytes;
}

} // namespace qntn
