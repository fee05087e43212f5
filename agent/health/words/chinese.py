"""Chinese, simplified, as the whole of what is said in it: its checks, the engine and the labels."""

from __future__ import annotations

from agent.health.words import chinese_box, chinese_service
from agent.health.words.sentences import Language, Sentence
from agent.model.finding import Status

WORDS = Language(
    checks={**chinese_box.CHECKS, **chinese_service.CHECKS},
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
        "no-agent": "采集程序未运行",
        "no-hardware": "本机没有该部件",
        "no-program": "缺少程序：",
        "no-privilege": "需要更高权限（请用 sudo 运行）",
        "not-configured": "此处未配置",
        "recording": "会干扰正在进行的录像",
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
    labels={
        "report": "检查报告",
        "box": "设备",
        "made": "时间",
        "technician": "技术员",
        "profile": "检查项目",
        "good": "没有发现问题。",
        "bad": "有需要处理的问题。",
        "rest": "其余项目",
        "was": "上次：{status}",
        "signed": "本报告由设备签名；签名文件与本页放在一起，以签名文件为准。",
        "measured": "实测",
        "required": "要求",
        "do": "处理步骤",
        "owner": "由谁处理",
        "summary": "通过 {passed}，注意 {warned}，不合格 {failed}，未检查 {skipped}，检查出错 {crashed}",
        "complete": "必须检查的项目均已检查。",
        "incomplete": "检查不完整：有必须检查的项目没有检查。",
    },
)
