// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_QKD_QKD_NETWORK_H
#define QNTN_QKD_QKD_NETWORK_H

#include "qkd/cost-set.h"
#include "qkd/key-paths.h"
#include "qkd/key-transport.h"
#include "qkd/qkd-link.h"
#include "qkd/relation.h"
#include "qkd/relay-deployment.h"

#include "ns3/callback.h"
#include "ns3/event-id.h"
#include "ns3/object.h"

#include <map>
#include <memory>
#include <optional>

namespace qntn
{

/// Endpoints are always open; a candidate relays only while it is deployed.
enum class SiteKind : uint8_t
{
    Endpoint,
    RelayCandidate,
};

/// Who chooses the path of a relation. Closed paths, and those with a link whose last block had too
/// many errors, are not chosen.
enum class KeyRouting : uint8_t
{
    Manual,          ///< SetPath
    ShortestPath,    ///< fewest hops, then most key; kept while it has the key that is needed
    LargestResidual, ///< the path whose poorest link has most key
};

/// A link since the last report, and its levels now.
struct LinkReport
{
    uint64_t generatedBits;
    uint64_t droppedBits;
    uint64_t relayBits;
    uint64_t authenticationBits;
    uint64_t expiredBits;
    uint64_t storedBits;
    double fillRatio;
    double slopeBps;        ///< change of storedBits
    double rateBps;         ///< generatedBits a second
    double expectedRateBps; ///< what the physics allow when active
    double qber;
    bool active; ///< up and open at both ends
    KeyPool::State state;
};

/// A key relation since the last report, and its levels now.
struct RelationReport
{
    uint64_t relayedBits;      ///< reached the pool
    uint64_t linkBits;         ///< spent for it on links
    KeyQueue::Report requests; ///< of applications
    uint64_t deliveredBits;
    uint64_t expiredBits;
    uint64_t storedBits;
    double fillRatio;
    double slopeBps; ///< change of storedBits
    KeyPool::State state;
    uint32_t pathIndex;
    bool pathOpen;
};

/// Sites, quantum links, relays and the key relations between endpoints.
///
/// One event a block period runs all links, relays key and serves requests. Build the network first
/// (sites, links, relations), then Start.
class QkdNetwork : public ns3::Object
{
  public:
    static ns3::TypeId GetTypeId();

    /// \return index of the site
    uint32_t AddSite(const std::string& name, SiteKind kind);
    /// \return index of the link
    uint32_t AddLink(const QkdLinkConfig& config);
    /// A pool of end-to-end key between two endpoints, with MaxPaths candidate paths over the links
    /// that exist by now. \return index of the relation
    uint32_t AddRelation(uint32_t siteA, uint32_t siteB, const KeyPoolConfig& pool = {});
    /// One more candidate path, after those that were found: over \p links, in order from the
    /// relation's first site to its second. \return its index
    uint32_t AddPath(uint32_t relation, const std::vector<uint32_t>& links);
    /// Prices of relays; without them everything is free.
    void SetCostSet(const CostSet& costSet);
    const CostSet& GetCostSet() const;
    /// Let post-processing and relaying be done by messages. Before Start.
    void SetTransport(ns3::Ptr<KeyTransport> transport);
    void Start();

    /// Deploy a candidate relay site.
    void SetRelayState(uint32_t site, RelayState state);
    /// Choose the path over which a relation is refilled.
    void SetPath(uint32_t relation, uint32_t pathIndex);
    /// Fill ratio below which the pool of a relation is refilled, up to that level.
    void SetRefillThreshold(uint32_t relation, double ratio);

    /// Ask for key. Requests of a relation are served in order; the callback comes at once, at a
    /// block, or with false at \p deadline (absolute).
    void RequestKey(uint32_t relation,
                    uint64_t bits,
                    ns3::Time deadline,
                    KeyQueue::KeyCallback done);
    /// Take key if it is there and nobody waits for it.
    bool TryTakeKey(uint32_t relation, uint64_t bits);

    // Faults.
    void SetLinkUp(uint32_t link, bool up);
    void SetInterceptedFraction(uint32_t link, double fraction);
    /// See QkdLink; for what moves.
    void SetChannelTransmittance(uint32_t link, double transmittance);
    /// Let no light through.
    void SetCloudy(uint32_t link, bool cloudy);
    /// A site crashes or comes back; its links make nothing meanwhile.
    void SetSiteUp(uint32_t site, bool up);
    bool IsSiteUp(uint32_t site) const;
    /// The classical channel beside a link; nothing happens without a transport.
    void SetChannelUp(uint32_t link, bool up);

    // For the transport.
    /// Spend key of a link on a tag. \return whether there was enough
    bool PayTag(uint32_t link, uint64_t bits);
    /// Both ends agree on a block of key.
    void StoreBlock(uint32_t link, uint64_t bits);
    /// A block was lost.
    void AbortBlock(uint32_t link);
    /// Spend key of hop \p hop of a transfer's path. \return whether there was enough
    bool PayRelay(uint64_t transfer, uint32_t hop);
    /// A transfer is over.
    void EndRelay(uint64_t transfer, bool delivered);

    uint32_t GetNumSites() const;
    uint32_t GetNumLinks() const;
    uint32_t GetNumRelations() const;
    /// Index of the site called \p name; an unknown one aborts and names the nearest.
    uint32_t GetSite(const std::string& name) const;
    const std::string& GetSiteName(uint32_t site) const;
    SiteKind GetSiteKind(uint32_t site) const;
    /// Candidate sites in the order of their indices.
    std::vector<uint32_t> GetRelaySites() const;
    bool IsSiteOpen(uint32_t site) const;
    /// State and bill of a candidate relay site.
    const RelayDeployment& GetRelay(uint32_t site) const;
    /// What a site costs a second (its transmitters, receivers, multiplexers, key manager,
    /// security).
    double GetSitePrice(uint32_t site, RelayState state) const;
    /// What the fibre of a link costs a second now; nothing between endpoints.
    double GetFibrePrice(uint32_t link) const;
    const QkdLink& GetLink(uint32_t link) const;
    /// Whether a link is up and open at both ends.
    bool IsLinkActive(uint32_t link) const;
    uint32_t GetNumPaths(uint32_t relation) const;
    const KeyPath& GetPath(uint32_t relation, uint32_t pathIndex) const;
    uint32_t GetCurrentPath(uint32_t relation) const;
    /// Whether all links of a path are up and all its sites open.
    bool IsPathOpen(uint32_t relation, uint32_t pathIndex) const;
    /// What could be relayed over a path now: its poorest link pool; 0 if it is closed.
    uint64_t GetPathUsableBits(uint32_t relation, uint32_t pathIndex) const;
    /// Expected secret bits a second of the slowest link of a path; 0 if it is closed.
    double GetPathRateBps(uint32_t relation, uint32_t pathIndex) const;
    const KeyPool& GetRelationPool(uint32_t relation) const;
    /// "<site>-<site>".
    const std::string& GetRelationName(uint32_t relation) const;
    const KeyQueue& GetKeyQueue(uint32_t relation) const;
    const Relation::Counters& GetRelationCounters(uint32_t relation) const;

    LinkReport TakeLinkReport(uint32_t link);
    RelationReport TakeRelationReport(uint32_t relation);
    /// Currency spent since the last report.
    RelayCost TakeCostReport();
    /// Currency spent since the start.
    RelayCost GetCost();

    /// \return streams used
    int64_t AssignStreams(int64_t stream);
    /// Assert that no key bit is unaccounted for.
    void Check() const;

  protected:
    void DoDispose() override;

  private:
    struct Site
    {
        std::string name;
        SiteKind kind;
        RelayDeployment relay;
        bool up{true};
    };

    /// Counters at the last report.
    struct Mark
    {
        ns3::Time at{0};
        KeyLedger ledger;
        uint64_t stored{0};

        double GetSlopeBps(uint64_t storedNow, double seconds) const;
    };

    /// A link's part in the network.
    struct LinkUse
    {
        bool active{false};       ///< since m_advancedAt
        ns3::Time activeTime{0};  ///< since the last block
        double fibrePrice{0};     ///< a second, since m_advancedAt
        uint32_t users{0};        ///< of RelayKeys
        uint64_t promisedBits{0}; ///< to transfers that have not come to it yet
        Mark mark;
    };

    /// A relation and its counters at the last report.
    struct RelationUse
    {
        std::unique_ptr<Relation> relation;
        Relation::Counters countersMark;
        Mark mark;
    };

    /// Key on its way over relays.
    struct Transfer
    {
        uint32_t relation;
        KeyPath path;
        uint64_t bits;
        std::vector<bool> paid; ///< by hop
    };

    void RunBlock();
    void ChoosePaths();
    /// The path that m_routing wants; none if all are closed or overheard.
    std::optional<uint32_t> ChoosePath(const Relation& relation) const;
    /// What the poorest link of a path can give; 0 if it is closed or overheard.
    uint64_t GetSpareBits(const KeyPath& path) const;
    void RelayKeys();
    void Distil(uint32_t link, const SiftedBlock& block);
    /// What a link can still give to relays.
    uint64_t GetSpareBits(uint32_t link) const;
    void SendRelay(uint32_t relation, uint64_t bits);
    /// Relay to one relation its share of what its path offers. \return whether anything
    bool RelayShare(uint32_t index);
    /// Count active time and bill, up to now; then look what is open.
    void Advance();
    bool IsPathActive(const KeyPath& path) const;
    Relation& GetRelation(uint32_t relation) const;
    RelayTerms GetTerms(uint32_t site) const;

    ns3::Time m_blockPeriod;
    uint32_t m_maxPaths;
    ns3::Time m_setupTime;
    ns3::Time m_commitment;
    ns3::Time m_pricePeriod;
    double m_switchingPrice;
    KeyRouting m_routing;
    uint64_t m_minRelayBits;
    ns3::Ptr<KeyTransport> m_transport;
    std::map<uint64_t, Transfer> m_transfers;
    uint64_t m_nextTransfer{0};
    CostSet m_costSet;
    bool m_started{false};
    bool m_routed{false}; ///< paths have been chosen once
    std::vector<Site> m_sites;
    std::vector<QkdLink> m_links;
    std::vector<LinkUse> m_linkUses; ///< by link
    std::vector<RelationUse> m_relations;
    double m_fibreCost{0};
    ns3::Time m_advancedAt{0};
    RelayCost m_reportedCost;
    ns3::EventId m_blockEvent;
};

} // namespace qntn

#endif // QNTN_QKD_QKD_NETWORK_H
