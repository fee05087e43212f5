"""Chinese: what keeps the system below the agent sound."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "host.throttle": CheckWords(
        "供电与散热",
        {
            "good": Sentence("开机以来一直全速运行"),
            "throttled": Sentence(
                "处理器因过热降速 {count} 次",
                (
                    "设备周围通风是否良好？移开遮挡物。",
                    "清除通风口和风扇上的灰尘。风扇是否转动？",
                    "十分钟后再看 host.temp。",
                ),
            ),
            "voltage": Sentence(
                "供电电压过低",
                (
                    "更换为设备原配的电源适配器和电源线。",
                    "不要在设备的 USB 口上接取电的物品。",
                ),
            ),
        },
    ),
    "sec.update": CheckWords(
        "系统更新",
        {
            "good": Sentence("系统 {days} 天前更新过"),
            "restart": Sentence(
                "有更新需要重启设备后才能生效",
                (
                    "与科室商定两次检查之间的时间。",
                    "运行 sudo systemctl stop edgeward，再运行 sudo systemctl reboot。",
                    "重新检查：edgeward check --profile visit。",
                ),
            ),
            "old": Sentence(
                "系统已有 {days} 天没有任何更新",
                (
                    "请医院信息科从其镜像或介质安装 Debian 安全更新。",
                    "然后在两次检查之间重启设备。",
                ),
            ),
        },
    ),
    "sec.accounts": CheckWords(
        "系统账户",
        {
            "good": Sentence("账户均已锁定或设有密码，且只有一个 root"),
            "no-password": Sentence(
                "任何人无需密码即可登录账户：{names}",
                (
                    "锁定不需要的账户：对每个名称运行 sudo passwd -l 名称。",
                    "询问医院信息科是谁创建的，并通知信息安全负责人。",
                ),
            ),
            "second-root": Sentence(
                "除 root 外以下账户也拥有全部权限：{names}",
                (
                    "询问医院信息科是谁创建的，并通知信息安全负责人。",
                    "删除不属于本机的账户：对每个名称运行 sudo userdel 名称。",
                ),
            ),
        },
    ),
}
