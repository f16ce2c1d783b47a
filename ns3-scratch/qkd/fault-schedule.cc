// SPDX-License-Identifier: GPL-2.0-only
#include "qkd/fault-schedule.h"

#include "orbit/nearest-name.h"
#include "qkd/qkd-network.h"

#include "ns3/simulator.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

using namespace ns3;

namespace qntn
{

namespace
{

const std::vector<std::string> KIND_NAMES{"attack", "cut", "outage", "cloud", "crash"};

uint32_t
FindSite(const QkdNetwork& network, const std::string& name)
{
    std::vector<std::string> names;
    for (uint32_t site = 0; site < network.GetNumSites(); ++site)
    {
        names.push_back(network.GetSiteName(site));
    }
    const auto found = std::ranges::find(names, name);
    if (found == names.end())
    {
        throw std::invalid_argument("faults: no site '" + name + "'; did you mean '" +
                                    NearestName(name, names) + "'?");
    }
    return static_cast<uint32_t>(found - names.begin());
}

double
ReadNumber(const std::string& word, const std::string& entry)
{
    std::size_t used = 0;
    double value = 0;
    try
    {
        value = std::stod(word, &used);
    }
    catch (const std::exception&)
    {
        used = 0;
    }
    if (used != word.size() || word.empty() || !std::isfinite(value))
    {
        throw std::invalid_argument("faults: '" + entry + "': found '" + word +
                                    "', expected a number");
    }
    return value;
}

} // namespace

std::vector<Fault>
ReadFaultSchedule(const std::string& text)
{
    std::vector<Fault> faults;
    std::istringstream entries(text);
    for (std::string entry; std::getline(entries, entry, ';');)
    {
        std::istringstream line(entry);
        std::vector<std::string> words;
        for (std::string word; line >> word;)
        {
            words.push_back(word);
        }
        if (words.empty())
        {
            continue;
        }
        const auto kind = std::ranges::find(KIND_NAMES, words[0]);
        if (kind == KIND_NAMES.end())
        {
            throw std::invalid_argument("faults: no kind '" + words[0] + "'; did you mean '" +
                                        NearestName(words[0], KIND_NAMES) + "'?");
        }
        const auto faultKind = static_cast<FaultKind>(kind - KIND_NAMES.begin());
        const std::size_t expected = faultKind == FaultKind::Attack ? 5 : 4;
        if (words.size() != expected)
        {
            throw std::invalid_argument("faults: '" + entry + "' has " +
                                        std::to_string(words.size()) + " words, expected " +
                                        std::to_string(expected) +
                                        ": kind, target, begin and end in seconds" +
                                        (expected == 5 ? ", intercepted fraction" : ""));
        }
        const Fault fault{faultKind,
                          words[1],
                          ReadNumber(words[2], entry),
                          ReadNumber(words[3], entry),
                          expected == 5 ? ReadNumber(words[4], entry) : 0};
        if (!(fault.beginS >= 0 && fault.endS > fault.beginS))
        {
            throw std::invalid_argument("faults: '" + entry +
                                        "': expected 0 <= begin < end in seconds");
        }
        if (!(fault.fraction >= 0 && fault.fraction <= 1))
        {
            throw std::invalid_argument("faults: '" + entry +
                                        "': expected an intercepted fraction of 0 to 1");
        }
        faults.push_back(fault);
    }
    return faults;
}

uint32_t
FindLink(const QkdNetwork& network, const std::string& name)
{
    std::vector<std::string> names;
    for (uint32_t link = 0; link < network.GetNumLinks(); ++link)
    {
        const QkdLinkConfig& config = network.GetLink(link).GetConfig();
        const std::string& a = network.GetSiteName(config.siteA);
        const std::string& b = network.GetSiteName(config.siteB);
        names.push_back(a + "-" + b);
        if (name == names.back() || name == b + "-" + a)
        {
            return link;
        }
    }
    throw std::invalid_argument("faults: no link '" + name + "'; did you mean '" +
                                NearestName(name, names) + "'?");
}

void
ScheduleFaults(QkdNetwork& network, const std::vector<Fault>& faults)
{
    const Ptr<QkdNetwork> kept(&network);
    for (const Fault& fault : faults)
    {
        fault.kind == FaultKind::Crash ? FindSite(network, fault.target)
                                       : FindLink(network, fault.target);
        for (const bool begins : {true, false})
        {
            const Time at = Seconds(begins ? fault.beginS : fault.endS);
            Simulator::Schedule(Max(at - Simulator::Now(), Time(0)),
                                [kept, fault, begins] { ApplyFault(*kept, fault, begins); });
        }
    }
}

void
ApplyFault(QkdNetwork& network, const Fault& fault, bool begins)
{
    if (fault.kind == FaultKind::Crash)
    {
        network.SetSiteUp(FindSite(network, fault.target), !begins);
        return;
    }
    const uint32_t link = FindLink(network, fault.target);
    switch (fault.kind)
    {
    case FaultKind::Attack:
        network.SetInterceptedFraction(link, begins ? fault.fraction : 0);
        break;
    case FaultKind::Cut:
        network.SetLinkUp(link, !begins);
        break;
    case FaultKind::Outage:
        network.SetChannelUp(link, !begins);
        break;
    default:
        network.SetCloudy(link, begins);
    }
}

} // namespace qntn
