"""Chinese: network, service, security, pictures."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "vid.signal": CheckWords(
        "图像",
        {
            "good": Sentence("有图像，最近一帧在 {age} 前已安全保存"),
            "absent": Sentence(
                "设备没有送来图像",
                (
                    "设备是否开机，它自己的监视器有图像吗？",
                    "线缆两端是否插好？换一根线试试。",
                    "网络摄像机：网口灯是否亮，地址是否与配置一致？",
                    "对该信号源运行 edgeward probe：它会说明为什么打不开。",
                ),
            ),
            "not-stored": Sentence(
                "有图像，但 {age} 内没有任何一帧被保存",
                ("运行 edgeward status，按告警中的说明处理。", "把诊断包发给我们。"),
            ),
        },
    ),
    "net.link": CheckWords(
        "网络线路（网线）",
        {
            "good": Sentence("链路正常：{links}"),
            "slow": Sentence(
                "网络连接较慢：{links}",
                ("换用超五类或更好的网线。", "向医院信息科申请千兆端口。"),
            ),
            "cable": Sentence(
                "网络连接丢数据：{links}",
                ("更换网线。", "与医院信息科一起换交换机的另一个端口。"),
            ),
        },
    ),
    "mqtt.session": CheckWords(
        "中心控制端",
        {
            "good": Sentence("已连接到中心的消息服务器"),
            "unreachable": Sentence(
                "无法连接中心的消息服务器（{error}）；录像不受影响",
                (
                    "网线是否插好，网口灯是否亮？",
                    "询问医院信息科：消息服务器是否在运行，防火墙是否放行本机？",
                ),
            ),
            "refused": Sentence(
                "中心的消息服务器拒绝本机（{error}）；录像不受影响",
                ("请医院信息科登记本机，或更新其密码或证书。",),
            ),
            "certificate": Sentence(
                "消息服务器与本机的证书不匹配（{error}）；录像不受影响",
                ("时钟是否正确？见 host.time。", "请医院信息科更新证书。"),
            ),
        },
    ),
    "svc.unit": CheckWords(
        "系统服务",
        {
            "good": Sentence("服务运行中，并受监视"),
            "not-running": Sentence(
                "服务状态为 {state}：没有在录像",
                (
                    "运行 sudo systemctl start edgeward。",
                    "如果无法保持运行：sudo journalctl -u edgeward -n 50 会说明原因。",
                ),
            ),
            "no-watchdog": Sentence(
                "systemd 没有监视采集程序", ("重新安装随附的服务单元：systemd/install.sh。",)
            ),
            "restarted": Sentence(
                "systemd 已将采集程序重启 {restarts} 次",
                ("运行 sudo journalctl -u edgeward 查找原因。", "把诊断包发给我们。"),
            ),
        },
    ),
    "sec.ports": CheckWords(
        "开放端口",
        {
            "good": Sentence("没有不该监听的程序"),
            "open": Sentence(
                "本机有程序在网络端口 {ports} 上监听",
                (
                    "运行 sudo ss -ltnp 查看是哪些程序。",
                    "与医院信息科一起关闭并移除不属于本机的程序。",
                ),
            ),
        },
    ),
    "sec.boot": CheckWords(
        "安全启动",
        {
            "good": Sentence("只能启动经过签名的系统"),
            "off": Sentence(
                "本机可能被其他系统启动",
                ("在固件设置中打开安全启动。", "为固件设置加上密码。"),
            ),
        },
    ),
    "sec.media": CheckWords(
        "可移动介质",
        {
            "good": Sentence("没有插入可移动介质"),
            "plugged": Sentence(
                "插有可移动介质：{names}",
                ("拔下它。如果无人认领，交给信息安全负责人。",),
            ),
        },
    ),
    "vid.mode": CheckWords(
        "图像尺寸",
        {
            "good": Sentence("{measured}，符合要求"),
            "other": Sentence(
                "设备输出 {measured}，采集规范要求 {required}",
                (
                    "把设备输出设为 {required}。",
                    "如果设备做不到，请负责人更正采集计划。",
                ),
            ),
        },
    ),
    "vid.fps": CheckWords(
        "图像帧率",
        {
            "good": Sentence("{measured}，符合要求"),
            "off": Sentence(
                "图像帧率为 {measured}",
                (
                    "把设备输出帧率设为要求值。",
                    "网络摄像机：是否在夜间自动降帧？请关闭该功能。",
                    "网络连接够快吗？见 net.link。",
                ),
            ),
        },
    ),
    "spec.verdict": CheckWords(
        "采集规范",
        {
            "good": Sentence("录像符合采集规范"),
            "degraded": Sentence("录像勉强符合采集规范", ("运行 edgeward status 查看是哪条规则。",)),
            "nonconforming": Sentence(
                "录像不符合采集规范",
                ("运行 edgeward status 查看是哪条规则、实测与要求。", "按要求设置设备。"),
            ),
        },
    ),
    "vid.restarts": CheckWords(
        "通道进程",
        {
            "good": Sentence("一直连续运行"),
            "some": Sentence("已重启 {restarts} 次", ("明天再检查一次，留意这一项。",)),
            "often": Sentence(
                "已重启 {restarts} 次：每次都是录像中的一段缺口",
                ("设备固件是最新的吗？", "把诊断包发给我们。"),
            ),
        },
    ),
    "net.route": CheckWords(
        "出口路由",
        {
            "good": Sentence("只有一个出口，经由 {interfaces}"),
            "none": Sentence(
                "没有默认路由：只能访问本网段内的中心控制端",
                ("如果中心控制端在其他网段，请向医院信息科询问网关。",),
            ),
            "several": Sentence(
                "有多个出口，经由 {interfaces}：不同网络可能被连通",
                ("从采集网络的接口上删除网关。",),
            ),
            "shared": Sentence(
                "摄像机所在的网络同时也是出口，经由 {interfaces}",
                (
                    "请医院信息科为摄像机提供单独的网络（VLAN），不设网关。",
                    "在此之前：防火墙是否只允许本机访问摄像机？",
                ),
            ),
        },
    ),
    "net.broker": CheckWords(
        "消息服务器端口",
        {
            "good": Sentence("有应答"),
            "no-name": Sentence(
                "消息服务器的名称无法解析",
                ("向医院信息科询问消息服务器的名称和域名服务器地址。",),
            ),
            "no-answer": Sentence(
                "消息服务器的端口没有应答",
                (
                    "网线是否插好？见 net.link。",
                    "询问医院信息科：消息服务器是否在运行，防火墙是否放行本机？",
                ),
            ),
        },
    ),
    "svc.memory": CheckWords(
        "采集程序内存",
        {
            "good": Sentence("最多 {mib} MiB，正常"),
            "large": Sentence("单个进程占用 {mib} MiB：比平时多", ("明天再检查一次并比较。",)),
            "leaks": Sentence(
                "单个进程占用 {mib} MiB：存在泄漏",
                ("在两次检查之间运行 sudo systemctl restart edgeward。", "把诊断包发给我们。"),
            ),
        },
    ),
    "svc.alarms": CheckWords(
        "告警",
        {
            "good": Sentence("当前没有告警"),
            "raised": Sentence("当前告警：{codes}", ("运行 edgeward status：每条告警都说明如何处理。",)),
        },
    ),
    "svc.journal": CheckWords(
        "系统日志",
        {
            "good": Sentence("重启后仍然保留"),
            "volatile": Sentence(
                "每次重启都会丢失",
                ("运行 sudo mkdir -p /var/log/journal 和 sudo systemctl restart systemd-journald。",),
            ),
        },
    ),
    "svc.exposure": CheckWords(
        "沙箱",
        {
            "good": Sentence("暴露程度 {level}，正常"),
            "loose": Sentence(
                "暴露程度 {level}：比出厂时宽松", ("安装随附的服务单元：systemd/install.sh。",)
            ),
            "open": Sentence(
                "暴露程度 {level}：服务几乎没有受到限制",
                ("查看改动：systemctl cat edgeward。", "安装随附的服务单元：systemd/install.sh。"),
            ),
        },
    ),
    "sec.ssh": CheckWords(
        "远程登录",
        {
            "good": Sentence("只能用密钥登录"),
            "password": Sentence(
                "凭密码即可通过网络登录：{ways}",
                (
                    "把医院信息科的公钥放入 authorized_keys 并试用。",
                    "在 sshd_config 中设置 PasswordAuthentication no 和 PermitRootLogin no，重启 ssh。",
                ),
            ),
        },
    ),
    "sec.firewall": CheckWords(
        "防火墙",
        {
            "good": Sentence("丢弃未经请求的连接"),
            "none": Sentence(
                "任何连接都可以进入",
                ("请医院信息科提供 input 链默认为 drop 的规则集。",),
            ),
        },
    ),
    "sec.transport": CheckWords(
        "摄像机连接",
        {
            "good": Sentence("已加密"),
            "clear": Sentence(
                "图像和密码以明文经过网络",
                (
                    "摄像机是否支持 RTSP over TLS？打开它，并在配置中写 rtsps://。",
                    "如果不支持：它是否在只有本机能访问的独立网络中？",
                ),
            ),
        },
    ),
}
