// SPDX-License-Identifier: GPL-2.0-only
#ifndef QNTN_SCENARIOS_SERVICES_KPI_FILE_H
#define QNTN_SCENARIOS_SERVICES_KPI_FILE_H

#include "bridge/bridge.h"
#include "ran/ran-kpis.h"

#include <fstream>
#include <string>

namespace qntn
{

/// The parameter kpi_csv: where the radio's key figures of an episode are written when it ends.
class KpiFile
{
  public:
    /// Before Bridge::Open: a file that cannot be written is an error of the parameter.
    explicit KpiFile(Bridge& bridge)
    {
        const std::string path = bridge.TextParameter(
            "kpi_csv",
            {},
            "file for key figures of the radio by user, slice, cell and provider; empty: none");
        if (path.empty())
        {
            return;
        }
        m_out.open(path, std::ios::binary);
        if (!m_out)
        {
            bridge.Refuse("kpi_csv: found '" + path +
                          "', expected a file in a folder that exists and can be written");
        }
    }

    bool IsAsked() const
    {
        return m_out.is_open();
    }

    /// Of the whole episode, its warm-up included.
    void Write(const RanKpis& kpis)
    {
        kpis.WriteCsv(m_out);
        m_out.flush();
    }

  private:
    std::ofstream m_out;
};

} // namespace qntn

#endif // QNTN_SCENARIOS_SERVICES_KPI_FILE_H
