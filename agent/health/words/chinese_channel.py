"""Chinese: a channel's device, its plan, its pictures and what was recorded of them."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "device.known": CheckWords(
        "设备型号",
        {
            "good": Sentence("已识别：{profile}"),
            "unknown": Sentence(
                "没有对应的设备档案（{why}）：照常录像，但不会脱敏发布",
                (
                    "RTSP 摄像机：把档案编号写入 [channel.source]（edgeward profiles list）。",
                    "否则把 edgeward probe 的输出发给我们，由我们编写档案。",
                ),
            ),
        },
    ),
    "device.firmware": CheckWords(
        "设备固件",
        {
            "good": Sentence("{firmware}：没有已公布的漏洞"),
            "old": Sentence(
                "{firmware} 存在已公布的漏洞（{advisories}）；要求 {required}",
                (
                    "请医学工程科升级。厂商建议：{remedy}。",
                    "升级之前：让设备处于只有本机能访问的网络中。",
                ),
            ),
            "unsure": Sentence(
                "{firmware} 无法比较（{advisories}）；要求 {required}",
                (
                    "在设备自己的网页上查看版本并人工比较。",
                    "厂商建议：{remedy}。",
                ),
            ),
            "not-told": Sentence(
                "设备不提供固件版本（{advisories}）；要求 {required}",
                (
                    "在设备自己的网页上查看版本并人工比较。",
                    "厂商建议：{remedy}。",
                ),
            ),
        },
    ),
    "device.password": CheckWords(
        "摄像机登录",
        {
            "good": Sentence("需要登录，且不接受出厂密码"),
            "asked": Sentence(
                "需要登录；未尝试出厂密码", ("如需尝试一次：[checks] try_vendor_default = true。",)
            ),
            "none": Sentence(
                "同一网络中任何人都能看到图像：它不要求登录",
                (
                    "在摄像机自己的网页上设置密码，并关闭匿名观看。",
                    "把登录信息写入配置：username、password_file。",
                ),
            ),
            "shipped": Sentence(
                "它接受出厂密码，而该密码印在说明书里",
                (
                    "立即在摄像机自己的网页上修改。",
                    "把新密码写入配置：username、password_file。",
                    "通知信息安全负责人：可能已有他人进入。",
                ),
            ),
        },
    ),
    "plan.state": CheckWords(
        "采集计划",
        {
            "good": Sentence("现在允许采集"),
            "outside-hours": Sentence(
                "此时段不允许采集：属于正常情况", ("无需处理；如果时段有误，请更正采集计划。",)
            ),
            "missing": Sentence(
                "没有采集计划：该通道不得采集", ("请负责人编写：[channel.plan]（docs/configuration.md）。",)
            ),
            "clock": Sentence("时段由未同步的时钟判断", ("修复时间源：见 host.time。",)),
            "refused": Sentence(
                "采集计划不允许（{code}）：没有在录像", ("运行 edgeward status：告警会说明原因和处理方法。",)
            ),
        },
    ),
    "vid.present": CheckWords(
        "采集设备",
        {
            "good": Sentence("已插好"),
            "missing": Sentence(
                "设备不存在",
                (
                    "把它直接插到本机上，不经过集线器。",
                    "lsusb 或 lspci 能看到它吗？看不到就换端口，再换设备。",
                    "更换过设备吗？那么 [channel.source] 中的路径也要改。",
                ),
            ),
            "unstable": Sentence(
                "配置使用的名称在下次启动时可能属于别的设备",
                ("在 [channel.source] 中写它在 /dev/v4l/by-id 或 by-path 下的链接。",),
            ),
            "slow-port": Sentence("插在低速 USB 口上（{speed}）", ("换到蓝色或标有 SS 的端口，使用短线。",)),
        },
    ),
    "vid.content": CheckWords(
        "画面内容",
        {
            "good": Sentence("画面正常"),
            "no-signal": Sentence(
                "画面是采集卡的无信号提示",
                (
                    "设备是否开机，输出口是否正确？",
                    "线缆两端是否插好？换一根线试试。",
                ),
            ),
            "black": Sentence(
                "画面全黑",
                (
                    "设备自己的监视器也是黑的吗？那么设备没有开，或镜头被盖住。",
                    "如果监视器有图像：输出是否加密（HDCP）？请在设备上关闭。",
                ),
            ),
            "frozen": Sentence(
                "画面静止不动",
                (
                    "镜头前有东西在动吗？如果没有，就不是故障。",
                    "在两次检查之间把设备关掉再打开。",
                ),
            ),
            "covered": Sentence(
                "镜头被遮挡",
                (
                    "拿开镜头前的物体。",
                    "是有意遮挡吗？通知采集计划负责人。",
                ),
            ),
            "defocused": Sentence(
                "画面模糊",
                (
                    "清洁镜头。",
                    "调焦：在摄像机网页上或镜头上。",
                ),
            ),
        },
    ),
    "vid.gaps": CheckWords(
        "最近一天的缺口",
        {
            "good": Sentence("缺少 {seconds} 秒"),
            "some": Sentence(
                "{count} 处缺口，共 {seconds} 秒；主要原因 {cause}",
                (
                    "与设备关机或拔线的时间对照。",
                    "明天再检查并比较。",
                ),
            ),
            "many": Sentence(
                "{count} 处缺口，共 {seconds} 秒；主要原因 {cause}",
                (
                    "source-lost、signal-lost：检查线缆、摄像机电源、网络（net.link）。",
                    "disk：见 store.write 和 store.smart。process-died：把诊断包发给我们。",
                    "overload：见 host.load。restart：见 host.power。",
                ),
            ),
        },
    ),
    "vid.jitter": CheckWords(
        "图像均匀性",
        {
            "good": Sentence("最多相差 {measured}"),
            "uneven": Sentence(
                "图像最多提前或延迟 {measured}", ("网络摄像机：线路上是否有大量其他流量？请询问医院信息科。",)
            ),
            "jerky": Sentence(
                "图像最多提前或延迟 {measured}：画面会卡顿并丢帧",
                (
                    "查看 net.link 和 host.load。",
                    "无线网络摄像机：改用网线连接。",
                ),
            ),
        },
    ),
    "spec.hour": CheckWords(
        "最近一小时的录像",
        {
            "good": Sentence("{segments} 个片段全部符合采集规范"),
            "some": Sentence(
                "{segments} 个片段中有 {broken} 个不符合规范：{rules}",
                ("查看此处相应的检查项，一小时后再检查。",),
            ),
            "many": Sentence(
                "{segments} 个片段中有 {broken} 个不符合规范：{rules}",
                (
                    "按规范设置设备：见 vid.mode、vid.fps 和 vid.content。",
                    "如果设备做不到，请负责人更正采集计划。",
                ),
            ),
        },
    ),
    "spec.enforce": CheckWords(
        "规范判定",
        {
            "good": Sentence("能放行正确的，拦住错误的"),
            "blind": Sentence(
                "它没有发现错误的尺寸或帧率：判定结果不可信",
                (
                    "立即把诊断包发给我们：edgeward bundle。",
                    "录像继续；请在别处重新判定本机的录像。",
                ),
            ),
            "strict": Sentence("它对正确的图像也报错", ("该通道的规范是否自相矛盾？请连同诊断包发给我们。",)),
        },
    ),
}
