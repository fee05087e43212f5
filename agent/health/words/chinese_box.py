"""Chinese: the box, its disk, its keys."""

from __future__ import annotations

from agent.health.words.sentences import CheckWords, Sentence

CHECKS: dict[str, CheckWords] = {
    "host.time": CheckWords(
        "时钟",
        {
            "good": Sentence("时钟已同步"),
            "unsynced": Sentence(
                "时钟未同步：录像中的时间可能有误",
                (
                    "向医院信息科询问时间服务器地址。",
                    "将其填入系统的时间服务并重启该服务。",
                    "等待五分钟后重新检查。",
                ),
            ),
            "impossible": Sentence(
                "时钟早于本软件的构建日期：主板电池已耗尽",
                (
                    "设置时钟：timedatectl set-time 'YYYY-MM-DD HH:MM'。",
                    "下次上门时更换主板电池。",
                ),
            ),
        },
    ),
    "store.space": CheckWords(
        "剩余空间",
        {
            "good": Sentence("磁盘还可使用 {hours} 小时"),
            "short": Sentence(
                "磁盘只能再用 {hours} 小时",
                ("通知医院信息科：需要转移录像，或更换更大的磁盘。",),
            ),
            "full": Sentence(
                "磁盘几乎已满：{hours} 小时后将无法录像",
                (
                    "立即通知医院信息科。",
                    "不要手工删除文件，那会被视为篡改；到期内容用 edgeward destroy 清除。",
                ),
            ),
        },
    ),
    "host.mem": CheckWords(
        "内存",
        {
            "good": Sentence("空闲内存 {percent} %"),
            "low": Sentence("空闲内存只有 {percent} %", ("查看本机上的其他程序，关闭不属于它的程序。",)),
            "none-left": Sentence(
                "空闲内存只有 {percent} %：录像有中断风险",
                ("关闭本机上的其他程序。", "如果没有其他程序，请把诊断包发给我们，并加装内存。"),
            ),
            "killed": Sentence(
                "自开机以来，内核因内存不足终止了 {kills} 个程序",
                (
                    "运行 edgeward status：所有通道都在录像吗？",
                    "关闭其他程序，把诊断包发给我们，并加装内存。",
                ),
            ),
        },
    ),
    "host.temp": CheckWords(
        "温度",
        {
            "good": Sentence("最热处 {celsius} °C"),
            "warm": Sentence("{celsius} °C：偏热", ("清理散热孔，设备四周至少留出 5 厘米空间。",)),
            "hot": Sentence(
                "{celsius} °C：已经因过热降速",
                ("清理散热孔，设备四周至少留出 5 厘米空间。", "风扇在转吗？如果不转，更换设备。"),
            ),
        },
    ),
    "crypto.roundtrip": CheckWords(
        "加密封存",
        {
            "good": Sentence("封存的内容能完整还原，改动能被发现"),
            "broken": Sentence("本机无法正确封存", ("不要用它录像，更换设备。", "把诊断包发给我们。")),
        },
    ),
    "host.power": CheckWords(
        "供电",
        {
            "good": Sentence("{days} 天内没有异常断电"),
            "some": Sentence(
                "{days} 天内有 {count} 次未正常关机",
                ("询问病区：是否有人在墙上关电，或清洁时拔掉插头？",),
            ),
            "often": Sentence(
                "{days} 天内有 {count} 次未正常关机",
                (
                    "换一个无人操作的专用插座，或加装不间断电源。",
                    "检查电源线两端是否插牢。",
                    "如果不是供电问题，请把诊断包发给我们。",
                ),
            ),
        },
    ),
    "host.swap": CheckWords(
        "交换分区",
        {
            "good": Sentence("内存内容不会写到磁盘"),
            "swap": Sentence(
                "内存内容可能写到磁盘：{areas}",
                ("运行 sudo swapoff -a。", "从 /etc/fstab 中删除 swap 行。"),
            ),
        },
    ),
    "store.write": CheckWords(
        "磁盘速度",
        {
            "good": Sentence("磁盘写入速度是所有通道需求的 {times} 倍"),
            "slow": Sentence(
                "磁盘写入速度只有所有通道需求的 {times} 倍",
                ("查找是否有其他程序在写这个磁盘。", "在空闲时段重新检查。"),
            ),
            "too-slow": Sentence(
                "磁盘对这些通道来说太慢：只有需求的 {times} 倍",
                ("查找是否有其他程序在写这个磁盘。", "更换更快的磁盘。"),
            ),
        },
    ),
    "store.smart": CheckWords(
        "磁盘健康",
        {
            "good": Sentence("磁盘自检正常，寿命已用 {wear}"),
            "worn": Sentence("磁盘寿命已用 {wear}", ("为下次上门订购新磁盘。",)),
            "failing": Sentence(
                "磁盘报告即将损坏",
                ("立即通知医院信息科：必须把录像复制出去。", "更换磁盘。"),
            ),
        },
    ),
    "store.encrypted": CheckWords(
        "磁盘加密",
        {
            "good": Sentence("录像库位于加密磁盘上"),
            "clear": Sentence(
                "{device} 未加密：录像已封存，但本机自己的密钥没有受到保护",
                ("通知医院信息科：该卷应使用 LUKS，密钥存放在 TPM 中。",),
            ),
            "removable": Sentence(
                "录像库位于可移动介质 {device} 上",
                ("把录像库移到固定在设备内部的磁盘上。",),
            ),
        },
    ),
    "crypto.key": CheckWords(
        "签名密钥",
        {
            "good": Sentence("只有采集程序可以读取"),
            "readable": Sentence(
                "其他用户可以读取本机的签名密钥（权限 {mode}）",
                (
                    "通知医院信息科：该密钥应视为已泄露。",
                    "在状态目录中运行 sudo chmod 0600 signing.key。",
                ),
            ),
        },
    ),
    "crypto.tickets": CheckWords(
        "票据",
        {
            "good": Sentence("票据充足：{pools}"),
            "low": Sentence(
                "票据不多了：{pools}",
                ("向密钥管理机构申请一批票据。", "运行 edgeward tickets import 文件。"),
            ),
            "empty": Sentence(
                "有通道没有票据：{pools}；仍在录像，但无法通过销毁票据来粉碎",
                ("今天就向密钥管理机构申请一批票据。", "运行 edgeward tickets import 文件。"),
            ),
        },
    ),
    "ledger.log": CheckWords(
        "账本",
        {
            "good": Sentence("全部 {leaves} 条记录与签名时一致"),
            "tampered": Sentence(
                "账本被改动：{first}",
                (
                    "不要修复任何东西，也不要关机。",
                    "立即通知医院的信息安全负责人。",
                    "运行 edgeward verify --json 并保存结果。",
                ),
            ),
        },
    ),
    "host.kernel_log": CheckWords(
        "内核日志",
        {
            "good": Sentence("没有关于磁盘、USB 设备或处理器的报错"),
            "some": Sentence(
                "有 {count} 条关于磁盘、USB 设备或处理器的报错",
                ("是否拔过设备？如果没有，运行 sudo dmesg 并把诊断包发给我们。",),
            ),
            "many": Sentence(
                "有 {count} 条关于磁盘、USB 设备或处理器的报错",
                (
                    "把采集设备换到另一个接口，不用集线器，用短线。",
                    "运行 sudo dmesg：如果提到磁盘，见 store.smart。",
                    "把诊断包发给我们。",
                ),
            ),
        },
    ),
    "host.load": CheckWords(
        "处理器",
        {
            "good": Sentence("占用 {percent} %，正常"),
            "busy": Sentence("占用 {percent} %：余量不多", ("查看本机上的其他程序。",)),
            "overloaded": Sentence(
                "占用 {percent} %：画面会延迟或丢失",
                ("关闭本机上的其他程序。", "把一个通道移到另一台设备。"),
            ),
        },
    ),
    "store.inodes": CheckWords(
        "文件数余量",
        {
            "good": Sentence("剩余 {percent} %，正常"),
            "few": Sentence("只剩 {percent} %", ("通知医院信息科：文件系统的 inode 不多了。",)),
            "none-left": Sentence(
                "只剩 {percent} %：很快将无法录像",
                ("立即通知医院信息科：文件系统的 inode 即将用完。",),
            ),
        },
    ),
    "store.vault": CheckWords(
        "录像库",
        {
            "good": Sentence("是本机所认识的录像库"),
            "missing": Sentence(
                "录像库不在原位：磁盘没有挂载",
                ("挂载磁盘：sudo mount -a。", "磁盘是否插好？见 host.kernel_log。"),
            ),
            "foreign": Sentence(
                "原位上是另一个录像库，不是本机的",
                ("找到本机自己的磁盘。", "妥善保管另一块磁盘，并告知信息安全负责人。"),
            ),
        },
    ),
    "host.rtc": CheckWords(
        "主板时钟",
        {
            "good": Sentence("与系统时钟相差在数秒内"),
            "drifts": Sentence(
                "相差 {off}：断电后起初的时间会有误",
                (
                    "时钟同步后运行 sudo hwclock --systohc。",
                    "如果明天又有偏差，更换主板电池。",
                ),
            ),
            "lost": Sentence(
                "相差 {off}：电池耗尽，或被手工改动",
                (
                    "时钟同步后运行 sudo hwclock --systohc。",
                    "更换主板电池。",
                ),
            ),
        },
    ),
    "host.steps": CheckWords(
        "时钟跳变",
        {
            "good": Sentence("最近一天没有跳变"),
            "some": Sentence(
                "最近一天 {count} 次，最大 {seconds} 秒",
                (
                    "是否手工设置过时钟，或开机时没有网络？如果是，无需处理。",
                    "否则查看 host.time，明天再检查一次。",
                ),
            ),
            "often": Sentence(
                "最近一天 {count} 次，最大 {seconds} 秒：录像中的时间会跳变",
                (
                    "询问医院信息科：是否有两个时间服务器不一致？",
                    "是否有另一个程序在设置时钟？只保留一个。",
                ),
            ),
        },
    ),
    "host.version": CheckWords(
        "运行版本",
        {
            "good": Sentence("运行的就是已安装的版本"),
            "restart": Sentence(
                "运行的是旧版本：安装于 {installed}，启动于 {started}",
                ("在两次检查之间运行 sudo systemctl restart edgeward。",),
            ),
            "reload": Sentence(
                "systemd 尚未读取已更改的服务文件",
                (
                    "运行 sudo systemctl daemon-reload。",
                    "在两次检查之间运行 sudo systemctl restart edgeward。",
                ),
            ),
        },
    ),
    "store.filesystem": CheckWords(
        "文件系统",
        {
            "good": Sentence("{kind}，可写"),
            "unknown": Sentence(
                "{kind}：未验证断电后能否保住已写入的数据",
                ("请医院信息科为录像库提供 ext4 或 xfs 的本地磁盘。",),
            ),
            "in-memory": Sentence(
                "{kind}：下次启动时全部丢失",
                (
                    "在录像库位置挂载磁盘：见 /etc/fstab。",
                    "现有录像在关机时会丢失：先复制出来。",
                ),
            ),
            "read-only": Sentence(
                "{kind} 处于只读状态：无法录像",
                (
                    "运行 sudo dmesg：出错的磁盘会变为只读。见 store.smart。",
                    "如果磁盘正常：对其运行 sudo mount -o remount,rw。",
                ),
            ),
        },
    ),
    "store.trim": CheckWords(
        "磁盘整理（TRIM）",
        {
            "good": Sentence("磁盘会得知哪些空间已释放"),
            "never": Sentence(
                "磁盘从不知道哪些空间已释放：写入会变慢，已销毁的数据仍留在存储单元中",
                (
                    "运行 sudo systemctl enable --now fstrim.timer。",
                    "使用 LUKS 时：是否开启 allow-discards 由医院信息科决定。",
                ),
            ),
        },
    ),
    "sec.core": CheckWords(
        "内存与磁盘",
        {
            "good": Sentence("采集程序的内存内容不会写到磁盘"),
            "cores": Sentence(
                "采集程序崩溃时，内存内容可能被写到磁盘",
                (
                    "重新安装随附的服务单元：systemd/install.sh（设置 LimitCORE=0）。",
                    "删除旧的转储：用 sudo coredumpctl list 查看。",
                ),
            ),
            "swapped": Sentence(
                "采集程序有 {kib} KiB 内存在交换区：磁盘上可能有图像",
                (
                    "运行 sudo swapoff -a，并从 /etc/fstab 中删除交换区。见 host.swap。",
                    "通知信息安全负责人：交换区必须覆写。",
                ),
            ),
        },
    ),
}
