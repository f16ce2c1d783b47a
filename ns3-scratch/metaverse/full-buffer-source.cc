// SPDX-License-Identifier: GPL-2.0-only
#include "metaverse/full-buffer-source.h"

#include "ns3/uinteger.h"

#include <algorithm>

using namespace ns3;

namespace qntn
{

namespace
{

const Time REFILL_PERIOD = MilliSeconds(1);

} // namespace

NS_OBJECT_ENSURE_REGISTERED(FullBufferSource);

TypeId
FullBufferSource::GetTypeId()
{
    static TypeId tid = TypeId("qntn::FullBufferSource")
                            .SetParent<TrafficSource>()
                            .SetGroupName("Metaverse")
                            .AddConstructor<FullBufferSource>()
                            .AddAttribute("DepthBytes",
                                          "To which the queue is filled each millisecond.",
                                          UintegerValue(500'000),
                                          MakeUintegerAccessor(&FullBufferSource::m_depthBytes),
                                          MakeUintegerChecker<uint32_t>(1500));
    return tid;
}

void
FullBufferSource::SetBacklogCallback(BacklogCallback backlog)
{
    m_backlog = backlog;
}

double
FullBufferSource::GetNominalRateBps() const
{
    return 8 * m_depthBytes / REFILL_PERIOD.GetSeconds(); // the most that it can make
}

int64_t
FullBufferSource::AssignStreams(int64_t)
{
    return 0;
}

void
FullBufferSource::DoDispose()
{
    m_backlog.Nullify();
    TrafficSource::DoDispose();
}

Time
FullBufferSource::DrawArrival(Time now)
{
    return now + REFILL_PERIOD;
}

uint32_t
FullBufferSource::DrawBytes()
{
    NS_ABORT_MSG_IF(m_backlog.IsNull(),
                    "FullBufferSource: no backlog; call SetBacklogCallback before Start");
    return m_depthBytes - static_cast<uint32_t>(std::min<uint64_t>(m_depthBytes, m_backlog()));
}

} // namespace qntn
