"""Chinese: certificates, witness, broker, what waits for it."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "crypto.certificate": CheckWords(
        "本机证书",
        {
            "good": Sentence("还有 {days} 天有效，到 {end}"),
            "ageing": Sentence(
                "还有 {days} 天到期（{end}）",
                ("续期：运行 edgeward enroll，请人签发，再运行 edgeward enroll --install。",),
            ),
            "ending": Sentence(
                "还有 {days} 天到期（{end}）：到期后中心将收不到本机消息",
                (
                    "今天就通知医院信息科。",
                    "续期：运行 edgeward enroll，请人签发，再运行 edgeward enroll --install。",
                ),
            ),
            "expired": Sentence(
                "已于 {end} 到期：中心的消息服务器拒绝本机；录像不受影响",
                (
                    "时钟是否正确？见 host.time。",
                    "续期：运行 edgeward enroll，请人签发，再运行 edgeward enroll --install。",
                ),
            ),
            "early": Sentence(
                "尚未生效",
                (
                    "时钟是否正确？见 host.time。",
                    "如果正确：请医院信息科签发现在有效的证书。",
                ),
            ),
            "name": Sentence(
                "证书上的名称是 {name}，本机名称是 {box}",
                (
                    "是否拿错了设备？核对设备标签。",
                    "续期：运行 edgeward enroll，请人签发，再运行 edgeward enroll --install。",
                ),
            ),
            "exposed": Sentence(
                "其他用户可以读取它的私钥",
                (
                    "对 [mqtt] key_file 所指文件运行 sudo chmod 0400。",
                    "如果可能已被他人读取：生成新密钥，并吊销旧证书。",
                ),
            ),
            "unreadable": Sentence(
                "无法读取：{problem}",
                ("续期：运行 edgeward enroll，请人签发，再运行 edgeward enroll --install。",),
            ),
        },
    ),
    "crypto.custodians": CheckWords(
        "托管密钥",
        {
            "good": Sentence("即使一位托管人丢失密钥，录像仍可打开"),
            "no-spare": Sentence(
                "再丢失一把密钥，录像就永远无法打开",
                (
                    "请另一位托管人生成密钥：edgeward keygen。",
                    "把输出内容加入 custodians.recipients，并在两次检查之间重启服务。",
                    "只对此后开始的录像有效。",
                ),
            ),
        },
    ),
    "ledger.witness": CheckWords(
        "账本见证",
        {
            "good": Sentence("最新记录已被见证"),
            "late": Sentence(
                "有 {unseen} 条记录等待见证，最早的已等 {hours} 小时；记录不受影响",
                (
                    "中心是否已连接？见 mqtt.session。",
                    "询问医院信息科：见证程序是否在运行？",
                ),
            ),
            "unseen": Sentence(
                "有 {unseen} 条记录已 {hours} 小时无人见证：在此期间只有本机能作证",
                (
                    "中心是否已连接？见 mqtt.session。",
                    "询问医院信息科：见证程序是否在运行，有无告警？",
                    "手工复制账本：edgeward ledger export。",
                ),
            ),
        },
    ),
    "retention.overdue": CheckWords(
        "保存期限",
        {
            "good": Sentence("没有逾期未处理的录像"),
            "overdue": Sentence(
                "有录像到期 30 天以上仍未销毁",
                (
                    "运行 edgeward retention plan 查看清单。",
                    "请负责人申请销毁，或设置保留并说明原因。",
                ),
            ),
        },
    ),
    "net.tls": CheckWords(
        "消息服务器证书",
        {
            "good": Sentence("可信，还有 {days} 天有效"),
            "ending": Sentence(
                "还有 {days} 天到期：到期后所有设备都无法连接", ("通知医院信息科：消息服务器证书需要续期。",)
            ),
            "untrusted": Sentence(
                "本机不信任该消息服务器：{detail}",
                (
                    "时钟是否正确？见 host.time。",
                    "向医院信息科索取签发机构证书，并询问服务器证书是否更换过。",
                    "不要跳过：可能有人在中间窃听。",
                ),
            ),
            "no-tls": Sentence(
                "消息服务器端口不支持本机可用的 TLS：{detail}",
                (
                    "[mqtt] 中的端口是否为 TLS 端口（通常 8883）？",
                    "询问医院信息科：消息服务器允许哪些 TLS 版本？",
                ),
            ),
        },
    ),
    "net.mtu": CheckWords(
        "数据包大小",
        {
            "good": Sentence("可通过 {mtu} 字节的数据包"),
            "small": Sentence(
                "到消息服务器只能通过 {mtu} 字节的数据包",
                ("询问医院信息科：途中是否有 VPN 或隧道，其 MTU 是否如此设定？",),
            ),
        },
    ),
    "mqtt.commands": CheckWords(
        "控制命令",
        {
            "good": Sentence("本机能收到中心的命令"),
            "deaf": Sentence(
                "消息服务器不允许本机接收命令",
                (
                    "请医院信息科检查消息服务器的访问列表（docs/broker.md）。",
                    "本机上的命令入口不受影响。",
                ),
            ),
        },
    ),
    "mqtt.acl": CheckWords(
        "消息服务器权限",
        {
            "good": Sentence("设备不能冒充其他设备"),
            "open": Sentence(
                "本机可以冒充其他设备：消息服务器接受了以他人名义发出的消息",
                (
                    "通知医院信息科：docs/broker.md 中的访问列表未生效。",
                    "在生效之前，不要相信消息来自哪台设备。",
                ),
            ),
        },
    ),
    "config.sent": CheckWords(
        "远程下发的配置",
        {
            "good": Sentence("最近下发的配置已生效，或没有下发过"),
            "rolled-back": Sentence(
                "最近下发的配置未生效（{why}）：本机已退回原来的配置",
                (
                    "通知下发人：本机继续按原来可用的配置运行。",
                    "config.not-healthy：新配置下缺少某个通道或与中心的连接。config.wrong："
                    "用 edgeward config check -c FILE 查看原因。",
                    "找到原因后请重新下发。",
                ),
            ),
            "damaged": Sentence(
                "本机保存的下发记录已损坏；现在生效的是本机上的配置文件",
                (
                    "把该文件与应有的配置核对，并重新下发。",
                    "查看 store.smart 和 host.kernel_log：为什么会损坏？",
                ),
            ),
        },
    ),
    "store.spool": CheckWords(
        "待发消息",
        {
            "good": Sentence("待发 {rows} 条，没有长时间滞留"),
            "late": Sentence(
                "有 {rows} 条消息等待发送，最早的已等 {hours} 小时",
                (
                    "中心是否已连接？见 mqtt.session。",
                    "不会丢失：连接后自动发送。",
                ),
            ),
            "refused": Sentence(
                "消息服务器永久拒绝了 {refused} 条消息",
                ("通知医院信息科：检查访问列表和最大数据包设置（docs/broker.md）。",),
            ),
            "full": Sentence(
                "消息缓存已用 {percent} %：最旧的很快会被丢弃；账本中仍全部保留",
                (
                    "恢复与中心的连接：见 mqtt.session。",
                    "如果需要数天：用 edgeward ledger export 复制账本。",
                ),
            ),
        },
    ),
}
