"""Chinese, simplified, as the whole of what is said in it: its checks, the engine and the labels."""

from __future__ import annotations

from agent.health.words import chinese_box, chinese_channel, chinese_link, chinese_service, chinese_upkeep
from agent.health.words.chinese_terms import TERMS
from agent.health.words.sentences import Language, Sentence
from agent.model.finding import Status

WORDS = Language(
    checks={
        **chinese_box.CHECKS,
        **chinese_upkeep.CHECKS,
        **chinese_link.CHECKS,
        **chinese_service.CHECKS,
        **chinese_channel.CHECKS,
    },
    engine={
        "skipped": Sentence("未检查：{reason} {detail}"),
        "timed-out": Sentence(
            "该检查在 {limit} 内没有结果",
            ("单独再运行一次：edgeward check --only ID。", "若再次卡住，请把诊断包发给我们。"),
        ),
        "raised": Sentence("检查程序自身出错（{error}）", ("请把诊断包发给我们：edgeward bundle。",)),
        "refused": Sentence("{text} [{code}]", ("{advice}",)),
    },
    skip_reasons={
        "clock": "请先校正时钟：",
        "no-agent": "采集程序未运行",
        "no-answer": "没有应答：",
        "no-hardware": "本机没有该部件",
        "no-plan": "采集计划现在不允许采集：",
        "no-program": "缺少程序：",
        "no-privilege": "需要更高权限（请用 sudo 运行）",
        "not-configured": "此处未配置",
        "recording": "会干扰正在进行的录像",
        "running": "采集程序正在运行：请在两次检查之间停止它，然后再检查",
        "too-early": "采集程序运行时间还不够长",
    },
    statuses={
        Status.PASS: "通过",
        Status.WARN: "注意",
        Status.FAIL: "不合格",
        Status.SKIP: "未检查",
        Status.CRASH: "检查出错",
    },
    owners={
        "technician": "现场技术员",
        "hospital-it": "医院信息科",
        "biomedical": "医学工程科",
        "maker": "edgeward 支持",
    },
    terms=TERMS,
    labels={
        "report": "检查报告",
        "box": "设备",
        "made": "时间",
        "technician": "技术员",
        "profile": "检查项目",
        "profile-install": "安装",
        "profile-visit": "上门巡检",
        "profile-boot": "开机",
        "profile-daily": "每日",
        "profile-continuous": "持续",
        "profile-full": "全部",
        "clock-synced": "时钟已同步",
        "clock-unsynced": "时钟未同步",
        "clock-unknown": "时钟状态未知",
        "sign-technician": "日期、技术员签字",
        "sign-hospital": "日期、医院签字",
        "do-by": "处理步骤（由谁处理：{owner}）：",
        "colon": "：",
        "good": "没有发现问题。",
        "bad": "有需要处理的问题。",
        "pictures": "摄像机画面（遮蔽）",
        "masked": "仅为灰度色块：能看出明暗，无法辨认任何人。",
        "rest": "其余项目",
        "since": "与 {when} UTC 的报告相比：已解决 {better} 项，新出现 {worse} 项，仍未解决 {same} 项。",
        "put-right": "已解决",
        "comma": "，",
        "stop": "。",
        "was": "上次：{status}",
        "signed": "本报告由设备签名；签名文件与本页放在一起，以签名文件为准。",
        "measured": "实测",
        "required": "要求",
        "owner": "由谁处理",
        "summary": "通过 {passed}，注意 {warned}，不合格 {failed}，未检查 {skipped}，检查出错 {crashed}",
        "complete": "必须检查的项目均已检查。",
        "incomplete": "检查不完整：有必须检查的项目没有检查。",
    },
)
